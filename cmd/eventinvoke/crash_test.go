package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/internal/awstest"
	"github.com/eventinvoke/eventinvoke/internal/history"
)

var crashes = flag.Int("crashes", 40, "how many runs TestNothingIsLostInACrash kills")

// crashFleet changes all that a run can change, next to what it must not touch.
const crashFleet = `version: 1
guard: { max_changes: 100%, max_deletes: 100% }
defaults: { maximum_retry_attempts: 0 }
functions:
  - { name: new-0 }
  - { name: new-1 }
  - { name: new-2, on_failure: "arn:aws:sqs:eu-west-1:111111111111:dlq" }
  - { name: drifted-0 }
  - { name: drifted-1 }
  - { name: drifted-2, on_failure: none }
  - { name: drifted-3:live }
  - { name: drifted-3 }
  - { name: insync }
  - { name: old-0, remove: true }
  - { name: old-1, remove: true }
`

// crashKeys is what the fleet declares, as it must be in the end.
var crashKeys = map[string]string{
	"new-0": "retries=0", "new-1": "retries=0", "new-2": "retries=0 on_failure=arn:aws:sqs:eu-west-1:111111111111:dlq",
	"drifted-0": "retries=0", "drifted-1": "retries=0 age=90", "drifted-2": "retries=0 on_success=arn:aws:sns:eu-west-1:111111111111:done",
	"drifted-3:live": "retries=0 age=120", "drifted-3": "retries=0", "insync": "retries=0", "old-0": "none", "old-1": "none",
}

func crashScenario() *awssim.Scenario {
	retries, age, longer := 1, 90, 120
	none := 0
	dlq, done := "arn:aws:sqs:eu-west-1:111111111111:dlq", "arn:aws:sns:eu-west-1:111111111111:done"
	with := func(r awssim.Record) map[string]awssim.Record { return map[string]awssim.Record{"$LATEST": r} }
	return awssim.Fleet(account, region,
		awssim.Function{Name: "new-%d", Count: 3},
		awssim.Function{Name: "drifted-0", Records: with(awssim.Record{MaximumRetryAttempts: &retries})},
		awssim.Function{Name: "drifted-1", Records: with(awssim.Record{MaximumEventAgeInSeconds: &age})},
		awssim.Function{Name: "drifted-2", Records: with(awssim.Record{OnSuccess: done, OnFailure: dlq})},
		awssim.Function{Name: "drifted-3", Versions: []string{"1"}, Aliases: []string{"live"}, Records: map[string]awssim.Record{"live": {MaximumEventAgeInSeconds: &longer}}},
		awssim.Function{Name: "insync", Records: with(awssim.Record{MaximumRetryAttempts: &none})},
		awssim.Function{Name: "old-0", Records: with(awssim.Record{MaximumRetryAttempts: &retries, OnFailure: dlq})},
		awssim.Function{Name: "old-1", Records: with(awssim.Record{MaximumEventAgeInSeconds: &age})},
	)
}

// moment is what has become of the request at which a run is killed.
type moment int

const (
	unheard moment = iota // it never arrives
	done                  // it was done, and nobody hears the answer
	late                  // it is done after its sender is dead
	moments
)

// crash is one run that dies at its nth request.
type crash struct {
	world   *awssim.World
	server  *httptest.Server
	fronts  []*httptest.Server // server, and what is before the bucket
	fleet   string
	history string
	env     []string

	at   int // 0: never
	when moment

	mu    sync.Mutex
	seen  int
	child *os.Process
}

func newCrash(t *testing.T, at int, when moment) *crash {
	t.Helper()
	world, err := awssim.New(crashScenario())
	if err != nil {
		t.Fatal(err)
	}
	c := &crash{world: world, fleet: write(t, crashFleet), history: filepath.Join(t.TempDir(), "history"), at: at, when: when}
	c.server = c.before(t, world)
	return c
}

// onBucket keeps the history in a bucket, whose requests count as well.
func (c *crash) onBucket(t *testing.T, server awstest.S3) {
	behind, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	c.history = "s3://" + server.Bucket(t) + "/team"
	c.env = append(c.env, "AWS_ENDPOINT_URL_S3="+c.before(t, httputil.NewSingleHostReverseProxy(behind)).URL)
}

// before is a server of what is behind it, and at the nth request the end of the run.
func (c *crash) before(t *testing.T, behind http.Handler) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.serve(w, r, behind) }))
	t.Cleanup(server.Close)
	c.fronts = append(c.fronts, server)
	return server
}

func (c *crash) serve(w http.ResponseWriter, r *http.Request, behind http.Handler) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	// What is done for a dead process is done all the same.
	r = r.Clone(context.WithoutCancel(r.Context()))
	r.Body = io.NopCloser(bytes.NewReader(body))
	c.mu.Lock()
	c.seen++
	kill := c.seen == c.at
	if kill && c.when != done {
		_ = c.child.Kill() // its Wait says how it ended
	}
	c.mu.Unlock()
	if kill && c.when == unheard {
		panic(http.ErrAbortHandler)
	}
	answer := httptest.NewRecorder()
	behind.ServeHTTP(answer, r)
	if kill && c.when == done {
		_ = c.child.Kill()
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // the caller may be dead
}

// apply runs the program as a process, and returns when it has ended and all
// that it asked for is done.
func (c *crash) apply(t *testing.T) error {
	t.Helper()
	child := exec.Command("eventinvoke", "apply", "--yes", "--run-id", "killed", "--quota", "1000", "--history", c.history, "--quiet", c.fleet)
	child.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+c.server.URL, "AWS_REGION="+region, "AWS_PROFILE=",
		"AWS_ACCESS_KEY_ID="+c.world.DefaultAccessKeyID(), "AWS_SECRET_ACCESS_KEY=simulated", "AWS_SESSION_TOKEN=",
		"AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent")
	child.Env = append(child.Env, c.env...)
	var said bytes.Buffer
	child.Stdout, child.Stderr = &said, &said
	c.mu.Lock()
	err := child.Start()
	c.child = child.Process
	c.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	err = child.Wait()
	for _, front := range c.fronts {
		front.Close() // waits for what is being done; what was not read yet never arrives
	}
	if err != nil {
		err = fmt.Errorf("%w: %s", err, said.Bytes())
	}
	return err
}

// records is what the world holds of every key.
func (c *crash) records() map[string]string {
	all := map[string]string{}
	for key := range crashKeys {
		a, r, function, qualifier := place(c.world, key)
		all[key] = "none"
		if found, ok := c.world.Record(a, r, function, qualifier); ok {
			all[key] = printRecord(found)
		}
	}
	return all
}

// verb runs a verb that writes in this process and in virtual time, in which a
// dead run's lease would be good for decades. A bucket wants the real time.
func (c *crash) verb(t *testing.T, run func(context.Context, *app, *writeOptions) error) (code int, output string) {
	t.Helper()
	in := synctest.Test
	if len(c.env) > 0 {
		in = func(t *testing.T, f func(*testing.T)) { f(t) }
	}
	in(t, func(t *testing.T) {
		var out bytes.Buffer
		a := &app{streams: streams{in: strings.NewReader(""), out: &out, err: io.Discard}, log: slog.New(slog.DiscardHandler)}
		o := &writeOptions{yes: true, historyOptions: historyOptions{location: c.history}, readOptions: readOptions{
			simulate: "world", simulator: c.world, paceOptions: paceOptions{quota: 1000}, outputOptions: outputOptions{format: "text", color: "never", quiet: true},
		}}
		err := run(t.Context(), a, o)
		code, _ = codeOf(err)
		output = fmt.Sprintf("%s%v", out.String(), err)
	})
	return code, output
}

// Kill an apply with SIGKILL at any of its requests: what it did is in its
// journal, a rerun converges once the dead run's leases have expired,
// and a rollback restores exactly what was there before it.
func TestNothingIsLostInACrash(t *testing.T) {
	t.Parallel()
	whole := newCrash(t, 0, unheard)
	if err := whole.apply(t); err != nil {
		t.Fatalf("an apply that nobody kills: %v", err)
	}
	if diff := cmp.Diff(crashKeys, whole.records()); diff != "" {
		t.Fatalf("an apply that nobody kills (-declared +held):\n%s", diff)
	}
	crashAll(t, *crashes, whole.seen, newCrash)
}

// crashAll kills so many runs, each at one of their requests. Some go on side by side, as
// most of their time is waited out.
func crashAll(t *testing.T, runs, requests int, new func(t *testing.T, at int, when moment) *crash) {
	var wrote atomic.Int32
	t.Cleanup(func() {
		if int(wrote.Load()) < runs/4 {
			t.Errorf("only %d of %d runs had written when they died: this shows too little", wrote.Load(), runs)
		}
	})
	for n := range runs {
		rng := rand.New(rand.NewPCG(5, uint64(n)))
		at, when := 1+rng.IntN(requests), moment(rng.IntN(int(moments)))
		t.Run(fmt.Sprintf("%03d-at-%d-of-%d", n, at, requests), func(t *testing.T) {
			t.Parallel()
			if survive(t, new(t, at, when), rng) {
				wrote.Add(1)
			}
		})
	}
}

// survive kills one run and checks all that is promised after it. It reports
// whether the run had something to lose.
func survive(t *testing.T, c *crash, rng *rand.Rand) (wrote bool) {
	before := c.records()
	if err := c.apply(t); err == nil {
		if c.seen >= c.at {
			t.Fatal("the run ended before it was killed")
		}
		// Slow runs renew what they hold, so that one may need fewer requests than another.
		expect(t, "after a run that needed no such request", crashKeys, c.records())
		return false
	}
	store, err := history.OpenStore(t.Context(), c.history)
	if err != nil {
		t.Fatal(err)
	}
	tear(t, store, rng)
	if err := expire(c.history); err != nil {
		t.Fatal(err)
	}
	left := c.records()
	undos := readUndos(t, store)
	for key := range crashKeys {
		if left[key] != before[key] && !slices.Contains(undos, key) {
			t.Errorf("%s was %s and is %s, and the journal says nothing of it", key, before[key], left[key])
		}
	}
	rerun := func() {
		code, output := c.verb(t, func(ctx context.Context, a *app, o *writeOptions) error { return a.apply(ctx, []string{c.fleet}, o) })
		if code != exitOK {
			t.Errorf("the rerun ended with %d:\n%s", code, output)
		}
	}
	rollback := func() {
		code, output := c.verb(t, func(ctx context.Context, a *app, o *writeOptions) error {
			return a.rollback(ctx, "killed", nil, o, rollbackOptions{})
		})
		if nothing := strings.Contains(output, "there is nothing to roll back"); code != exitOK && !(nothing && len(undos) == 0) {
			t.Errorf("the rollback ended with %d:\n%s", code, output)
		}
	}
	began := len(listed(t, store, "runs/killed/")) > 0
	if !began {
		rerun()
		expect(t, "after the rerun of a run that never began", crashKeys, c.records())
		return false
	}
	if rng.IntN(2) == 0 {
		rollback()
		expect(t, "after the rollback", before, c.records())
		rerun()
		expect(t, "after the rollback and a rerun", crashKeys, c.records())
	} else {
		rerun()
		expect(t, "after the rerun", crashKeys, c.records())
		rollback()
		want := maps.Clone(crashKeys)
		for _, key := range undos {
			want[key] = before[key]
		}
		expect(t, "after the rerun and a rollback of the killed run", want, c.records())
	}
	if held := listed(t, store, "leases/"); len(held) > 0 {
		t.Errorf("leases were left: %v", held)
	}
	v, err := history.New(store).VerifyAll(t.Context(), "")
	if err != nil || len(v.Chain) > 0 || slices.ContainsFunc(v.Runs, func(r history.Verdict) bool { return r.Trust != history.Verified }) {
		t.Errorf("the history afterwards: %+v, %v", v, err)
	}
	return !maps.Equal(before, left)
}

func expect(t *testing.T, when string, want, have map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("%s (-want +have):\n%s", when, diff)
	}
}

// tear leaves half a line at the end of the journal, as a power cut in the
// middle of a write does. SIGKILL alone hardly ever hits such an instant.
func tear(t *testing.T, store history.Store, rng *rand.Rand) {
	t.Helper()
	for _, name := range listed(t, store, "journals/killed/") {
		text, err := store.ReadLog(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte(`"end":{`)) {
			continue // it was complete, and may be linked
		}
		lines := bytes.SplitAfter(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
		last := lines[len(lines)-1]
		if err := store.Append(t.Context(), name, int64(len(text)), last[:rng.IntN(len(last))]); err != nil {
			t.Fatal(err)
		}
	}
}

// expire lets the minute go by after which a dead run's leases are anybody's.
func expire(location string) error {
	ctx := context.Background()
	store, err := history.OpenStore(ctx, location)
	if err != nil {
		return err
	}
	for _, folder := range []string{"leases/", "alive/"} {
		names, err := store.List(ctx, folder)
		for _, name := range names {
			var text []byte
			var tag history.Tag
			if text, tag, err = store.Read(ctx, name); err == nil {
				_, err = store.Write(ctx, name, regexp.MustCompile(`"expires": "\d+`).ReplaceAll(text, []byte(`"expires": "1999`)), tag)
			}
			if err != nil {
				break
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readUndos are the keys of which the killed run's journal says something.
func readUndos(t *testing.T, store history.Store) []string {
	t.Helper()
	if len(listed(t, store, "runs/killed/")) == 0 {
		return nil
	}
	h := history.New(store)
	undos, err := h.Traces(t.Context(), "killed")
	if err != nil {
		t.Fatalf("the journal of a killed run: %v", err)
	}
	whole, err := h.Load(t.Context(), "killed")
	// Killed among its last requests to the history, it may have come to its end.
	if err != nil || whole.State() != history.Died && whole.State() != history.Finished {
		t.Errorf("the killed run counts as %s, %v", whole.State(), err)
	}
	var keys []string
	for _, u := range undos {
		keys = append(keys, strings.TrimSuffix(u.Key.Function+":"+u.Key.Qualifier, ":$LATEST"))
	}
	return keys
}

func listed(t *testing.T, store history.Store, folder string) []string {
	t.Helper()
	names, err := store.List(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	return names
}
