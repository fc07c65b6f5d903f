package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/history"
)

// What cron and a webhook see of a fleet that drifts, is corrected, and stays so.
func TestRunsNotify(t *testing.T) {
	var mu sync.Mutex
	var got []string
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var d struct {
			Kinds []string
			Text  string
		}
		body, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(body, &d); err != nil || d.Text == "" {
			t.Errorf("%s: %v", body, err)
		}
		mu.Lock()
		defer mu.Unlock()
		got = append(got, strings.Join(d.Kinds, "+"))
	}))
	defer hook.Close()
	history := t.TempDir()
	for _, step := range []struct {
		args []string
		code exitCode
		told []string
		why  string
	}{
		{[]string{"audit"}, exitDifferences, []string{"drift"}, "drift is news"},
		{[]string{"audit"}, exitDifferences, nil, "once"},
		{[]string{"audit", "--function", "mail-*"}, exitDifferences, []string{"drift"}, "a part of the fleet has told nothing yet"},
		{[]string{"apply", "--yes"}, exitOK, []string{"corrected"}, "a correction is news each time"},
	} {
		got = nil
		args := append(step.args, "--simulate", "--quota", "400", "--quiet", "--history", history, "--notify", hook.URL+"/secret")
		if code, _, errs := eventinvoke(t.Context(), args...); exitCode(code) != step.code || strings.Contains(errs, "secret") {
			t.Fatalf("%v: exit %d\n%s", args, code, errs)
		}
		if !slices.Equal(got, step.told) {
			t.Errorf("%v told %v, want %v: %s", step.args, got, step.told, step.why)
		}
	}
}

// A history that is away hides no drift: it is told, at each run, as without one.
func TestWhoIsNotifiedWithoutAMemory(t *testing.T) {
	for _, row := range []struct {
		why    string
		damage func(place string) error
	}{
		{"it cannot be opened", func(place string) error { return os.WriteFile(place, nil, 0o600) }},
		{"it cannot be read", func(place string) error {
			return errors.Join(os.Mkdir(place, 0o700), os.WriteFile(filepath.Join(place, "notified"), nil, 0o600))
		}},
	} {
		var told atomic.Int32
		hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { told.Add(1) }))
		place := filepath.Join(t.TempDir(), "place")
		if err := row.damage(place); err != nil {
			t.Fatal(err)
		}
		for runs := int32(1); runs <= 2; runs++ {
			code, _, errs := eventinvoke(t.Context(), "audit", "--function", "mail-*", "--simulate", "--quota", "400", "--quiet", "--history", place, "--notify", hook.URL)
			if exitCode(code) != exitDifferences || told.Load() != runs || !strings.Contains(errs, place) {
				t.Errorf("%s: after %d runs %d digests, exit %d\n%s", row.why, runs, told.Load(), code, errs)
			}
		}
		hook.Close()
	}
}

func TestAReceiverThatIsNoneIsFoundAtStart(t *testing.T) {
	for _, verb := range []string{"audit", "serve"} {
		code, _, errs := eventinvoke(t.Context(), verb, "--simulate", "--notify", "hooks.example.com/secret")
		if code != 1 || !strings.Contains(errs, "--notify: ") || strings.Contains(errs, "secret") {
			t.Errorf("%s: exit %d\n%s", verb, code, errs)
		}
	}
}

// hungStore is a place of which nothing comes back.
type hungStore struct{ history.Store }

func (hungStore) Read(ctx context.Context, _ string) ([]byte, history.Tag, error) {
	<-ctx.Done()
	return nil, "", context.Cause(ctx)
}

// A place that hangs costs a run a third of the time that it gives to notifying, and no message.
func TestAMemoryThatHangsLeavesTimeToTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // or nothing would ever end it
		defer cancel()
		began := time.Now()
		told := (&toldFile{store: hungStore{}}).read(ctx, slog.New(slog.DiscardHandler))
		if took := time.Since(began); took != 5*time.Second || told != nil {
			t.Errorf("it took %v, and %v was told", took, told)
		}
	})
}
