package history

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

var (
	testTarget = desired.Target{Account: "111111111111", Region: "eu-west-1"}
	queueARN   = "arn:aws:sqs:eu-west-1:111111111111:dlq"
	topicARN   = "arn:aws:sns:eu-west-1:111111111111:done"
)

// compareOpts let cmp look into a Value, which is comparable.
var compareOpts = cmp.Options{
	cmp.Comparer(func(a, b desired.Value) bool { return a == b }),
	cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }),
}

func testKey(i int) desired.Key {
	return desired.Key{Target: testTarget, Name: desired.Name{Function: fmt.Sprintf("orders-%03d", i), Qualifier: desired.Latest}}
}

func create(key desired.Key, want desired.Config) *reconcile.Change {
	return &reconcile.Change{Name: key.Name, Action: reconcile.Create, Want: &want}
}

func modify(key desired.Key, before reconcile.Settings, want desired.Config) *reconcile.Change {
	return &reconcile.Change{Name: key.Name, Action: reconcile.Update, Want: &want, Before: &before, Modified: 1_700_000_000_123}
}

func remove(key desired.Key, before reconcile.Settings) *reconcile.Change {
	return &reconcile.Change{Name: key.Name, Action: reconcile.Delete, Before: &before, Modified: 1_700_000_000_123}
}

func retries(n int) desired.Config {
	return desired.Config{desired.MaximumRetryAttempts: desired.Number(n)}
}

func holding(retries int) reconcile.Settings {
	return reconcile.Settings{desired.MaximumRetryAttempts: desired.Number(retries)}
}

// applied is the result of a change that AWS stored.
func applied(c *reconcile.Change, after *reconcile.Settings) *reconcile.ChangeResult {
	return &reconcile.ChangeResult{Change: *c, Status: reconcile.Applied, After: after, Modified: 1_700_000_009_000, Stats: ratelimit.CallStats{Attempts: 1}}
}

// failed is the result of a change that AWS refused.
func failed(c *reconcile.Change, err error) *reconcile.ChangeResult {
	return &reconcile.ChangeResult{Change: *c, Status: reconcile.Failed, Err: err, Stats: ratelimit.CallStats{Attempts: 1}}
}

func genSettings() *rapid.Generator[reconcile.Settings] {
	return rapid.Custom(func(t *rapid.T) reconcile.Settings { return reconcile.NewSettings(genConfig().Draw(t, "settings")) })
}

func genConfig() *rapid.Generator[desired.Config] {
	return rapid.Custom(func(t *rapid.T) (c desired.Config) {
		for i, values := range [desired.NumSettings][]desired.Value([...][]desired.Value{
			desired.MaximumRetryAttempts:     {desired.Number(0), desired.Number(1), desired.Number(2)},
			desired.MaximumEventAgeInSeconds: {desired.Number(60), desired.Number(3600), desired.Number(21600)},
			desired.OnSuccess:                {desired.NoDestination, desired.Text(topicARN)},
			desired.OnFailure:                {desired.NoDestination, desired.Text(queueARN)},
		}) {
			c[i] = rapid.SampledFrom(append(values, desired.Value{})).Draw(t, desired.Setting(i).String())
		}
		return c
	})
}

// genChange is a change of any kind.
func genChange(key desired.Key) *rapid.Generator[*reconcile.Change] {
	return rapid.Custom(func(t *rapid.T) *reconcile.Change {
		switch rapid.IntRange(0, 2).Draw(t, "action") {
		case 0:
			return create(key, genConfig().Draw(t, "want"))
		case 1:
			return modify(key, genSettings().Draw(t, "before"), genConfig().Draw(t, "want"))
		}
		return remove(key, genSettings().Draw(t, "before"))
	})
}

// openDir is a store in a folder.
func openDir(t testing.TB, folder string) Store {
	t.Helper()
	s, err := Dir(folder)
	if err != nil {
		t.Skip(err) // it says why there is none on this system
	}
	return s
}

// begin starts a run in a store.
func begin(t testing.TB, s Store, run string) *Recorder {
	t.Helper()
	r, err := New(s).Begin(t.Context(), testRecord(run))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func testRecord(run string) *RunRecord {
	return &RunRecord{RunID: run, Verb: "apply", ToolVersion: "1.2.3", Host: "host", PID: 7, Started: time.Now()}
}

// readObject is Read without its tag.
func readObject(s Store) func(context.Context, string) ([]byte, error) {
	return func(ctx context.Context, name string) ([]byte, error) {
		data, _, err := s.Read(ctx, name)
		return data, err
	}
}
