# `make` alone lists the targets.
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
COMMIT  ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: check
check: ## everything that CI runs, on this tree
	@.ci/run

.PHONY: build
build: ## a static binary in dist/
	CGO_ENABLED=0 go build -trimpath -tags timetzdata,lambda.norpc,nethttpomithttp2 -gcflags=github.com/aws/...=-l -ldflags "-s -w -X main.linkedVersion=$(VERSION) -X main.linkedCommit=$(COMMIT)" -o dist/eventinvoke ./cmd/eventinvoke

.PHONY: test
test: ## the tests, without the race detector
	go test ./...

.PHONY: demo
demo: ## audit, apply, audit a pretend fleet; needs no account
	go run ./cmd/eventinvoke demo

.PHONY: recording
recording: ## the demo as docs/demo.svg, for the README
	go run ./cmd/eventinvoke demo --color always | (cd tools && go run ./recording) >docs/demo.svg

.PHONY: bench
bench: ## benchmarks as ratios, then the comparison with other ways to pace
	go test -p 1 -run '^$$' -bench . -benchmem ./...
	go test ./internal/pacetest -count=1 -run '^TestComparison$$' -update -v
	go test ./cmd/eventinvoke -count=1 -run '^TestReadingOnlyWhatChanged$$' -v -changed-of 50000
	go test ./cmd/eventinvoke -count=1 -run '^TestReadingOnlyWhatChanged$$' -v -changed-of 5000 -changed-day

.PHONY: soak
soak: ## 10,000 killed applies, and a million steps of the fault suite, for some hours
	go test -race -count=1 ./cmd/eventinvoke -run '^TestNothingIsLostInACrash' -parallel 12 -timeout 6h -crashes 10000
	go test -count=1 ./internal/faulttest -timeout 12h -rapid.checks=50000 -rapid.steps=20
	go test -race -count=1 ./internal/faulttest -timeout 4h -rapid.checks=2000 -rapid.steps=20
	go test -race -count=1 -timeout 2h -skip '^(TestNothingIsLostInACrash.*|TestWorkerSoak)$$' $$(go list ./... | grep -vE '/(pacetest|modeltest)$$')

# MinIO is under the AGPL: a program of its own, linked to nothing of ours.
.PHONY: minio
minio: ## the history against MinIO as well, an S3 server that others wrote; the first build takes minutes
	@minio=$$(CGO_ENABLED=0 go tool -modfile=tools/minio/go.mod -n minio) || { echo "skipped: MinIO cannot be built here"; exit 0; } && \
		export PATH="$$(dirname "$$minio"):$$PATH" && go test -count=1 ./internal/history -run 'Store|S3' && \
		go test -count=1 ./cmd/eventinvoke -run Bucket -parallel 12 -crashes 2500 -timeout 30m

.PHONY: trail
trail: ## 10,000 simulated days of reading only what changed, and a year of fights, for half an hour
	go test -count=1 ./internal/observed -run '^TestDays$$' -timeout 2h -days 10000
	go test -count=1 ./internal/trail -run '^TestMonthsOfFights$$' -timeout 2h -months 12

.PHONY: soak-worker
soak-worker: ## twenty months of fleet life in virtual time, and what rings in them: 40 minutes of one core
	GOGC=400 go test -count=1 ./cmd/eventinvoke -run '^TestWorkerSoak$$' -timeout 6h -days 30 -seeds 20

.PHONY: model
model: ## 10,000 random fleets: the program against the model, for about an hour
	go test -count=1 ./internal/modeltest -timeout 6h -rapid.checks=10000

.PHONY: fuzz
fuzz: ## fuzz everything that reads what others wrote, a minute each
	go test -run '^$$' -fuzz FuzzLoad -fuzztime 60s ./desired
	go test -run '^$$' -fuzz FuzzDecode -fuzztime 60s ./internal/events
	go test -run '^$$' -fuzz FuzzDecode -fuzztime 60s ./internal/trail
	go test -run '^$$' -fuzz FuzzDecode -fuzztime 60s ./internal/planfile
	go test -run '^$$' -fuzz FuzzAnswer -fuzztime 60s ./internal/awslambda
	go test -run '^$$' -fuzz FuzzRedact -fuzztime 60s -fuzzminimizetime 10x ./internal/awslambda
	go test -run '^$$' -fuzz FuzzParseJournal -fuzztime 60s ./internal/history
	go test -run '^$$' -fuzz FuzzParseScenario -fuzztime 60s -fuzzminimizetime 10x ./internal/awssim

# A mutation that LIVED is a line that no test of its package holds. It takes
# about ten minutes a package; SPINE=./ratelimit looks at one.
SPINE ?= ./desired ./reconcile ./ratelimit

.PHONY: mutation
mutation: ## break the spine in one place after the other; list what no test noticed
	@for p in $(SPINE); do echo "== $$p"; go tool -modfile=tools/go.mod gremlins unleash --timeout-coefficient 10 \
		--invert-logical --invert-loopctrl --remove-self-assignments --output-statuses lt "$$p" || exit; done

# PICTURES=DIR leaves a picture of each page there: phone and desktop, light and dark.
.PHONY: browsertest
browsertest: ## our pages in a real Chromium; prints sizes and times of 100,000 rows
	cd browsertest && EVENTINVOKE_SCREENSHOTS=$(if $(PICTURES),$(abspath $(PICTURES))) go test -count=1 -v .

.PHONY: golden
golden: ## rewrite the golden files; read the diff before you commit it
	go test ./desired ./internal/report ./cmd/eventinvoke -update

.PHONY: image
image: ## the container image; PLATFORM=linux/amd64,linux/arm64 for both
	docker build $(if $(PLATFORM),--platform $(PLATFORM) )--build-arg VERSION=$(VERSION) --build-arg COMMIT=$(COMMIT) -t eventinvoke:$(VERSION) .

.PHONY: dist
dist: ## a release of this commit in dist/: archives, deb, rpm, bills of materials
	cd tools && go run ./dist -root .. -out ../dist

# The same commit, from two folders, in two runs: every byte must be the same.
.PHONY: dist-twice
dist-twice: dist ## a release in dist/, compared with another that is made from a clone
	@work=$$(mktemp -d) && trap 'rm -rf "$$work"' EXIT && \
	git clone --quiet --no-hardlinks . "$$work/two/deeper" && \
	$(MAKE) -C "$$work/two/deeper" --no-print-directory dist && \
	diff -r dist "$$work/two/deeper/dist" && echo "both are the same, byte for byte"
