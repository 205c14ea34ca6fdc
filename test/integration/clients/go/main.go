// Tells a story (the first argument, a JSON file) with the OpenTelemetry SDK for Go; prints the ids it sent, as JSON.
// Where and how it sends is in the usual OTEL_EXPORTER_OTLP_* variables. Whatever the SDK has to complain goes to stderr.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

type attributes map[string]any

type story struct{ Traces []told }

type told struct {
	Name, TraceState string
	Spans            []struct {
		Name, Kind          string
		Parent              *int
		StartMs, DurationMs int
		Attributes          attributes
		Status              *struct{ Code, Message string }
		Events              []struct {
			Name       string
			AtMs       int
			Attributes attributes
		}
		Links []struct {
			To         string
			Attributes attributes
		}
	}
}

type sent struct {
	TraceID string   `json:"traceId"`
	SpanIDs []string `json:"spanIds"`
}

var kinds = map[string]trace.SpanKind{
	"INTERNAL": trace.SpanKindInternal, "SERVER": trace.SpanKindServer, "CLIENT": trace.SpanKindClient,
	"PRODUCER": trace.SpanKindProducer, "CONSUMER": trace.SpanKindConsumer,
}

var statusCodes = map[string]codes.Code{"OK": codes.Ok, "ERROR": codes.Error}

func (a attributes) keyValues() (list []attribute.KeyValue) {
	for key, value := range a {
		list = append(list, keyValue(key, value))
	}
	return list
}

func keyValue(key string, value any) attribute.KeyValue {
	switch v := value.(type) {
	case bool:
		return attribute.Bool(key, v)
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return attribute.Int64(key, n)
		}
		f, err := v.Float64()
		check(err)
		return attribute.Float64(key, f)
	case []any:
		texts := make([]string, len(v))
		for i, text := range v {
			texts[i] = text.(string)
		}
		return attribute.StringSlice(key, texts)
	default:
		return attribute.String(key, v.(string))
	}
}

// elsewhere is the context of a caller that is not in the story.
func elsewhere(traceState string) context.Context {
	state, err := trace.ParseTraceState(traceState)
	check(err)
	config := trace.SpanContextConfig{TraceFlags: trace.FlagsSampled, TraceState: state, Remote: true}
	_, err = rand.Read(config.TraceID[:])
	check(err)
	_, err = rand.Read(config.SpanID[:])
	check(err)
	return trace.ContextWithRemoteSpanContext(context.Background(), trace.NewSpanContext(config))
}

func (t told) tell(tracer trace.Tracer, roots map[string]trace.SpanContext, began time.Time) sent {
	at := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
	outside := context.Background()
	if t.TraceState != "" {
		outside = elsewhere(t.TraceState)
	}
	var spans []trace.Span
	for _, s := range t.Spans {
		parent := outside
		if s.Parent != nil {
			parent = trace.ContextWithSpan(context.Background(), spans[*s.Parent])
		}
		var links []trace.Link
		for _, link := range s.Links {
			links = append(links, trace.Link{SpanContext: roots[link.To], Attributes: link.Attributes.keyValues()})
		}
		_, span := tracer.Start(parent, s.Name, trace.WithSpanKind(kinds[s.Kind]), trace.WithTimestamp(at(s.StartMs)),
			trace.WithAttributes(s.Attributes.keyValues()...), trace.WithLinks(links...))
		for _, event := range s.Events {
			span.AddEvent(event.Name, trace.WithTimestamp(at(event.AtMs)), trace.WithAttributes(event.Attributes.keyValues()...))
		}
		if s.Status != nil {
			span.SetStatus(statusCodes[s.Status.Code], s.Status.Message)
		}
		spans = append(spans, span)
	}
	result := sent{TraceID: spans[0].SpanContext().TraceID().String()}
	for i, s := range t.Spans {
		spans[i].End(trace.WithTimestamp(at(s.StartMs + s.DurationMs)))
		result.SpanIDs = append(result.SpanIDs, spans[i].SpanContext().SpanID().String())
	}
	roots[t.Name] = spans[0].SpanContext()
	return result
}

func exporter(ctx context.Context) (sdk.SpanExporter, error) {
	if os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc" {
		return otlptracegrpc.New(ctx)
	}
	return otlptracehttp.New(ctx)
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	check(err)
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	var s story
	check(decoder.Decode(&s))

	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Println(err) }))
	ctx := context.Background()
	to, err := exporter(ctx)
	check(err)
	provider := sdk.NewTracerProvider(sdk.WithBatcher(to))
	tracer := provider.Tracer("story", trace.WithInstrumentationVersion("1.0"))
	began := time.Now()
	roots := map[string]trace.SpanContext{}
	traces := map[string]sent{}
	for _, t := range s.Traces {
		traces[t.Name] = t.tell(tracer, roots, began)
	}
	check(provider.Shutdown(ctx))
	said, err := json.Marshal(map[string]any{"beganUnixNano": fmt.Sprint(began.UnixNano()), "traces": traces})
	check(err)
	fmt.Println(string(said))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
