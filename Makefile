# The targets that people and CI use. Each is a line or two over npm scripts; `make` alone lists them.
.DEFAULT_GOAL := help
NODE := bin/node

.PHONY: help setup run check test test-real stories fuzz bench bench-micro bench-scale bench-cores bench-waiting bench-memory bench-independent bench-shipped bench-compare bench-gate bench-kafka bench-fleet bench-readme obs-up obs-down obs-status build sbom audit clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

setup: node_modules/.installed ## install what is missing (npm, from the lockfile; brings its own Node)

node_modules/.installed: package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

run: setup ## start the gateway on config/gateway.yaml
	@exec bin/tailgate run

check: setup ## types, lint and format
	@$(NODE) node_modules/typescript/bin/tsc --noEmit
	@node_modules/.bin/biome check --error-on-warnings .

test: setup check ## every check and every test that needs Node alone
	@$(NODE) node_modules/vitest/vitest.mjs run --config vitest.config.ts

test-real: setup ## tests against real Consul, Tempo, Collector and SDKs; builds them once into a cache
	@tools/servers/build.sh all
	@tools/clients/setup.sh
	@$(NODE) node_modules/vitest/vitest.mjs run --config vitest.real.config.ts

stories: setup ## random stories in great number: books, simulations, weights (some 20 min); or STORIES=1000
	@STORIES=$(or $(STORIES),100) $(NODE) node_modules/vitest/vitest.mjs run --config vitest.config.ts --testTimeout 3600000 \
	  test/path/conservation.test.ts test/shard/simulate.test.ts test/shard/weights.test.ts

fuzz: setup ## hostile inputs, a minute of each kind, and test/hostile in full (16 min); or FUZZ="--target scan --seconds 600"
	@$(NODE) test/fuzz/main.ts $(FUZZ)
	@$(if $(FUZZ),,HOSTILE=full $(NODE) node_modules/vitest/vitest.mjs run --config vitest.config.ts --project tests --no-file-parallelism --testTimeout 300000 test/hostile)

bench: setup ## measure beside no-op receivers and the Collector (BENCH=--full for all of it); writes bench/results
	@$(NODE) bench/main.ts $(BENCH)

bench-micro: setup ## nanoseconds and bytes allocated a span, stage by stage
	@$(NODE) bench/micro.ts

bench-scale: setup ## shards in threads that feed themselves: two on two cores, one connection, up to 16 (2 min)
	@$(NODE) bench/scale.ts $(BENCH)

bench-cores: setup ## everything on one core, then on two, beside the Collector (3 min)
	@$(NODE) bench/cores.ts $(BENCH)

bench-kafka: setup ## what Kafka between receiving and deciding costs, with a real broker (1 min)
	@tools/servers/build.sh kafka
	@$(NODE) bench/kafka.ts $(BENCH)

bench-fleet: setup ## what an agent and a hop cost beside one gateway, and beside two tiers of Collectors (3 min)
	@tools/servers/build.sh otelcol
	@$(NODE) bench/fleet.ts $(BENCH)

bench-waiting: setup ## a span's time and memory while 50,000 to 10 million wait, and what stays after (14 min, 8 GB)
	@$(NODE) bench/waiting.ts $(BENCH)

bench-memory: setup ## resident memory and the account of it while loads of several kinds come and go (2 min)
	@$(NODE) bench/memory.ts $(BENCH)

bench-independent: setup ## our load client beside h2load and wrk (needs nghttp2-client and wrk)
	@$(NODE) bench/independent.ts

bench-shipped: setup ## the shipped configuration under a foreign load client: make bench-shipped LOADGEN=PROGRAM (15 min)
	@LOADGEN="$(LOADGEN)" $(NODE) bench/shipped.ts $(BENCH)

bench-compare: setup ## this checkout against a commit: make bench-compare BASE=HEAD~1
	@$(NODE) bench/compare.ts $(BASE) $(BENCH)

bench-gate: setup ## fails when the gateway fell far behind a no-op receiver (40 s)
	@$(NODE) bench/gate.ts

bench-readme: setup ## put the newest result into README.md
	@$(NODE) bench/readme.ts $(RESULT)

obs-up: setup ## the local stack: gateway at 100 %, Tempo, Prometheus, Consul, Grafana, traffic (docs/local-stack.md)
	@$(NODE) tools/obs/main.ts up $(OBS)

obs-status: setup ## what of it runs, and where
	@$(NODE) tools/obs/main.ts status $(OBS)

obs-down: setup ## end it; OBS=--forget deletes its data too
	@$(NODE) tools/obs/main.ts down $(OBS)

build: setup ## compile to dist/, as the image does
	@$(NODE) node_modules/typescript/bin/tsc -p tsconfig.build.json

sbom: setup ## write dist/sbom.cdx.json: what production depends on, as CycloneDX
	@$(NODE) tools/sbom.ts

audit: setup ## ask the registry for advisories about what production depends on; high and critical ones fail
	@$(NODE) tools/audit.ts

clean: ## forget what was built
	rm -rf dist node_modules/.installed
