import { Writer } from '../../../../src/wire/writer.ts';

export const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';

/** A length-delimited field with a message in it. */
export function message(field: number, write: (w: Writer) => void): Uint8Array {
  const w = new Writer(64);
  const mark = w.open(field);
  write(w);
  w.close(mark);
  return w.finish();
}

const pair = (key: string, write: (any: Writer) => void): Uint8Array =>
  message(9, (w) => {
    w.string(1, key);
    w.raw(message(2, write));
  });

const integer = (w: Writer, field: number, value: bigint): void => {
  w.tag(field, 0);
  w.int64(value);
};
const double = (w: Writer, value: number): void => {
  w.tag(4, 1);
  w.double(value);
};
const time = (w: Writer, field: number, value: bigint): void => {
  w.tag(field, 1);
  w.fixed64(value);
};

const odd: readonly Uint8Array[] = [
  pair('largest', (any) => integer(any, 3, 2n ** 63n - 1n)),
  pair('smallest', (any) => integer(any, 3, -(2n ** 63n))),
  pair('beyond a double', (any) => integer(any, 3, 9_007_199_254_740_993n)),
  pair('no', (any) => integer(any, 2, 0n)),
  pair('zero', (any) => integer(any, 3, 0n)),
  pair('bytes', (any) => any.bytes(7, Buffer.from([0xfb, 0xff, 0, 0]))),
  pair('no bytes', (any) => any.bytes(7, Buffer.alloc(0))),
  pair('nan', (any) => double(any, Number.NaN)),
  pair('infinite', (any) => double(any, Number.NEGATIVE_INFINITY)),
  pair('minus zero', (any) => double(any, -0)),
  pair('whole double', (any) => double(any, 2)),
  pair('smallest double', (any) => double(any, 5e-324)),
  pair('third', (any) => double(any, 1 / 3)),
  pair('nothing', () => {}),
  pair('empty text', (any) => any.string(1, '')),
  pair('mark', (any) => any.string(1, '\ufefftext')),
  pair('controls', (any) => any.string(1, 'a\u0000b\u001b[2J\u2028 "c" \\ 商品 𝄞')),
  pair('list', (any) =>
    any.raw(message(5, (list) => list.raw(Buffer.concat([1n, 2n].map((n) => message(1, (w) => integer(w, 3, n))))))),
  ),
  pair('empty list', (any) => any.raw(message(5, () => {}))),
  pair('map', (any) =>
    any.raw(
      message(6, (list) =>
        list.raw(
          message(1, (w) => {
            w.string(1, 'inner');
            w.raw(message(2, (inner) => inner.string(1, 'value')));
          }),
        ),
      ),
    ),
  ),
];

/** What a span can hold, in the order and form in which OTLP JSON is read: two spans of one id, as B3 has them. */
export function oddTrace(id = traceId): Uint8Array {
  const traceIdBytes = Buffer.from(id, 'hex');
  const server = message(2, (w) => {
    w.bytes(1, traceIdBytes);
    w.bytes(2, Buffer.from('00f067aa0ba902b7', 'hex'));
    w.string(3, 'ot=th:c,other=1');
    w.string(5, 'GET /cart');
    integer(w, 6, 2n);
    time(w, 7, 1795626131123456789n);
    time(w, 8, 1795626132363456789n);
    for (const each of odd) w.raw(each);
    integer(w, 10, 4_294_967_295n);
    w.raw(
      message(11, (event) => {
        time(event, 1, 1795626131123456790n);
        event.string(2, 'exception');
        event.raw(message(3, (it) => it.string(1, 'without a value')));
      }),
    );
    integer(w, 12, 1n);
    w.raw(
      message(13, (link) => {
        link.bytes(1, Buffer.from('f'.repeat(32), 'hex'));
        link.bytes(2, Buffer.from('e'.repeat(16), 'hex'));
        link.string(3, 'a=b');
        link.tag(6, 5);
        link.fixed32(0x301);
      }),
    );
    w.raw(
      message(15, (status) => {
        status.string(2, 'no "answer"\n');
        integer(status, 3, 2n);
      }),
    );
    w.tag(16, 5);
    w.fixed32(0x101);
  });
  const client = message(2, (w) => {
    w.bytes(1, traceIdBytes);
    w.bytes(2, Buffer.from('00f067aa0ba902b7', 'hex'));
    w.bytes(4, Buffer.from('0000000000000001', 'hex'));
    w.string(5, 'GET');
    integer(w, 6, 3n);
    time(w, 7, 1795626131223456789n);
    time(w, 8, 1795626132263456789n);
  });
  const resource = message(1, (w) => {
    w.raw(
      message(1, (it) => {
        it.string(1, 'service.name');
        it.raw(message(2, (any) => any.string(1, 'shop')));
      }),
    );
    integer(w, 2, 1n);
  });
  const scope = message(1, (w) => {
    w.string(1, 'http');
    w.string(2, '1.2');
  });
  return Buffer.concat([
    message(1, (w) => {
      w.raw(resource);
      w.raw(
        message(2, (scopeSpans) => {
          scopeSpans.raw(scope);
          scopeSpans.raw(server);
          scopeSpans.string(3, 'https://example/schema');
        }),
      );
      w.string(3, 'https://example/resource');
    }),
    message(1, (w) => w.raw(message(2, (scopeSpans) => scopeSpans.raw(client)))),
  ]);
}
