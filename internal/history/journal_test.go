package history

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

var _ reconcile.Journal = (*Journal)(nil)

// readBack is what the one journal of a store says.
func readBack(t testing.TB, s Store) JournalFile {
	t.Helper()
	names, err := s.List(t.Context(), journalsFolder)
	if err != nil || len(names) != 1 {
		t.Fatalf("journals: %v, %v, want one", names, err)
	}
	file, err := New(s).readJournal(t.Context(), names[0])
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestJournalKeepsImagesExactly(t *testing.T) {
	unset, explicit := reconcile.Settings{}, reconcile.Settings{
		desired.MaximumRetryAttempts:     desired.MaximumRetryAttempts.Default(),
		desired.MaximumEventAgeInSeconds: desired.MaximumEventAgeInSeconds.Default(),
	}
	full := reconcile.Settings{desired.MaximumRetryAttempts: desired.Number(0), desired.MaximumEventAgeInSeconds: desired.Number(60), desired.OnSuccess: desired.Text(topicARN), desired.OnFailure: desired.Text(queueARN)}
	clear := desired.Config{desired.OnFailure: desired.NoDestination}
	rows := []struct {
		why    string
		change *reconcile.Change
		after  *reconcile.Settings
	}{
		{"a create has no before-image", create(testKey(0), retries(0)), new(holding(0))},
		{"unset fields stay unset", modify(testKey(1), unset, retries(0)), new(holding(0))},
		{"defaults spelt out stay spelt out", modify(testKey(2), explicit, retries(1)), &explicit},
		{"a destination that is cleared is not one that is left alone", modify(testKey(3), full, clear), &unset},
		{"a delete leaves nothing", remove(testKey(4), full), nil},
	}
	eachStore(t, func(t *testing.T, s Store) {
		run := begin(t, s, "images")
		var want []JournalEntry
		for i, row := range rows {
			if err := run.Journal().Intend(t.Context(), testKey(i), row.change); err != nil {
				t.Fatalf("%s: %v", row.why, err)
			}
			run.Journal().Settle(testKey(i), applied(row.change, row.after))
			entry := JournalEntry{
				Intent: *newIntent(testKey(i), row.change),
				Result: &Settlement{Of: int64(2*i + 2), Status: reconcile.Applied, After: row.after, Attempts: 1},
			}
			if row.after != nil {
				entry.Result.Modified = 1_700_000_009_000
			}
			want = append(want, entry)
		}
		if err := run.Finish(t.Context(), testRecord("images")); err != nil {
			t.Fatal(err)
		}
		file := readBack(t, s)
		if diff := cmp.Diff(want, file.Entries, compareOpts); diff != "" || file.RunID != "images" || file.ToolVersion != "1.2.3" || !file.Closed {
			t.Errorf("journal (-want +got)\n%s", diff)
		}
	})
}

func TestJournalIsDurableBeforeIntendReturns(t *testing.T) {
	eachStore(t, func(t *testing.T, s Store) {
		run := begin(t, s, "durable")
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				if err := run.Journal().Intend(t.Context(), testKey(i), create(testKey(i), retries(0))); err != nil {
					t.Error(err)
					return
				}
				// A crash now: what another process finds is all there is.
				file := readBack(t, s)
				for _, e := range file.Entries {
					if e.Key == testKey(i) {
						return
					}
				}
				t.Errorf("Intend of %s returned before its line could be read", testKey(i))
			})
		}
		wg.Wait()
		if err := run.Journal().Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestJournalSharesWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const writers = 8 * 40
		s := newMemory()
		s.before = func(op, _ string) error {
			if op == "append" {
				time.Sleep(30 * time.Millisecond)
			}
			return nil
		}
		run := begin(t, s, "shared")
		began := time.Now()
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				if err := run.Journal().Intend(t.Context(), testKey(i), create(testKey(i), retries(0))); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); s.count() > 3 || took > 90*time.Millisecond {
			t.Errorf("%d intents took %d writes and %s, want at most three writes", writers, s.count(), took)
		}
		if got := len(readBack(t, s).Entries); got != writers {
			t.Errorf("%d intents are in the journal, want %d", got, writers)
		}
		if err := run.Finish(t.Context(), testRecord("shared")); err != nil {
			t.Error(err)
		}
	})
}

func TestJournalStoresResultsSoonAndTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		run := begin(t, s, "soon")
		j := run.Journal()
		for i := range 10 {
			if err := j.Intend(t.Context(), testKey(i), create(testKey(i), retries(0))); err != nil {
				t.Fatal(err)
			}
		}
		intents := s.count()
		for i := range 10 {
			j.Settle(testKey(i), applied(create(testKey(i), retries(0)), new(holding(0))))
		}
		time.Sleep(linger + time.Millisecond)
		if s.count() != intents+1 {
			t.Errorf("ten results took %d writes, want one", s.count()-intents)
		}
		for _, e := range readBack(t, s).Entries {
			if e.Result == nil {
				t.Errorf("after %s the result of %s is not stored", linger, e.Key)
			}
		}
		if err := run.Finish(t.Context(), testRecord("soon")); err != nil {
			t.Error(err)
		}
	})
}

func TestJournalWritesNothingForARunWithoutWrites(t *testing.T) {
	eachStore(t, func(t *testing.T, s Store) {
		run := begin(t, s, "idle")
		if err := run.Finish(t.Context(), testRecord("idle")); err != nil {
			t.Fatal(err)
		}
		if names, err := s.List(t.Context(), journalsFolder); err != nil || len(names) != 0 {
			t.Errorf("journals: %v, %v, want none", names, err)
		}
	})
}

// TestJournalLosesNothing holds that a result whose write failed is either
// stored later or reported.
func TestJournalLosesNothing(t *testing.T) {
	full := errors.New("no space left on device")
	rows := []struct {
		why      string
		fails    int // so many writes fail, from the second on
		again    bool
		wantNext bool // the next Intend fails
		wantEnd  bool // Close fails
	}{
		{why: "a write that fails once is repeated by the next intent", fails: 1, again: true},
		{why: "an intent behind a write that fails again is refused, and Close repeats all", fails: 2, again: true, wantNext: true},
		{why: "a write that fails once is repeated by Close", fails: 1},
		{why: "what can never be stored is reported by Intend and Close", fails: 1000, again: true, wantNext: true, wantEnd: true},
		{why: "what can never be stored is reported by Close alone", fails: 1000, wantEnd: true},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			s := newMemory()
			writes := 0
			s.before = func(op, _ string) error {
				if op != "append" {
					return nil
				}
				if writes++; writes > 1 && writes <= 1+row.fails {
					return full
				}
				return nil
			}
			run := begin(t, s, "lossless")
			j := run.Journal()
			if err := j.Intend(t.Context(), testKey(1), create(testKey(1), retries(0))); err != nil {
				t.Fatal(err)
			}
			j.Settle(testKey(1), applied(create(testKey(1), retries(0)), new(holding(0))))
			time.Sleep(time.Second) // the result's own write fails
			if row.again {
				err := j.Intend(t.Context(), testKey(2), create(testKey(2), retries(0)))
				if got := errors.Is(err, full); got != row.wantNext {
					t.Errorf("%s: Intend: %v, want an error: %v", row.why, err, row.wantNext)
				}
			}
			err := j.Close()
			if got := errors.Is(err, full); got != row.wantEnd {
				t.Errorf("%s: Close: %v, want an error: %v", row.why, err, row.wantEnd)
			}
			if file := readBack(t, s); (file.Entries[0].Result == nil) != row.wantEnd {
				t.Errorf("%s: the result is %v, want it stored: %v", row.why, file.Entries[0].Result, !row.wantEnd)
			}
			if err := run.alive.Release(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestJournalRepeatsAWriteWhoseAnswerWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		lost := 0
		s.after = func(op, _ string) error {
			if op != "append" {
				return nil
			}
			if lost++; lost%2 == 0 {
				return errors.New("connection reset by peer")
			}
			return nil
		}
		run := begin(t, s, "twice")
		stored := 0
		for i := range 10 {
			if err := run.Journal().Intend(t.Context(), testKey(i), create(testKey(i), retries(0))); err == nil {
				stored++
			}
		}
		s.do(func() { s.after = nil })
		if err := run.Journal().Close(); err != nil {
			t.Errorf("Close, with a store that works again: %v", err)
		}
		file := readBack(t, s)
		if stored == 0 || stored == 10 || len(file.Entries) != 10 {
			t.Errorf("%d of 10 intents were acknowledged and %d are there; want some refused, and all there once", stored, len(file.Entries))
		}
		if err := run.alive.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestIntendDoesNotOutliveItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		s.before = func(op, _ string) error {
			if op == "append" {
				time.Sleep(appendTimeout)
			}
			return nil
		}
		run := begin(t, s, "slow")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("the deadline of the run"))
		defer cancel()
		began := time.Now()
		err := run.Journal().Intend(ctx, testKey(1), create(testKey(1), retries(0)))
		if err == nil || !strings.Contains(err.Error(), "the deadline of the run") || time.Since(began) != time.Second {
			t.Errorf("Intend after %s: %v, want the cause after 1s", time.Since(began), err)
		}
		if err := run.Finish(t.Context(), testRecord("slow")); err != nil {
			t.Error(err)
		}
	})
}

func TestJournalRefusesWhatBelongsNowhere(t *testing.T) {
	s := newMemory()
	run := begin(t, s, "strict")
	j := run.Journal()
	j.Settle(testKey(9), applied(create(testKey(9), retries(0)), new(holding(0))))
	if err := j.Intend(t.Context(), testKey(1), create(testKey(1), retries(0))); err == nil || !strings.Contains(err.Error(), testKey(9).String()) {
		t.Errorf("Intend after a stray result: %v, want its key", err)
	}
	if err := j.Close(); err == nil {
		t.Error("Close after a stray result succeeded")
	}
	if err := j.Intend(t.Context(), testKey(1), create(testKey(1), retries(0))); !errors.Is(err, ErrClosed) {
		t.Errorf("Intend after Close: %v, want ErrClosed", err)
	}
	if err := run.alive.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

// BenchmarkIntend is a run with 8 writers on each of 40 targets, against a real
// disk. intents/sync is what group commit saves.
func BenchmarkIntend(b *testing.B) {
	for _, writers := range []int{1, 8, 8 * 40} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			counted := &countAppends{Store: openDir(b, b.TempDir())}
			j := newJournal(b.Context(), counted, "journals/bench/log.jsonl", beginJSON{Version: JournalVersion, Run: "bench"})
			var wg sync.WaitGroup
			work := make(chan int)
			for range writers {
				wg.Go(func() {
					for i := range work {
						key := testKey(i)
						change := modify(key, holding(2), retries(0))
						if err := j.Intend(b.Context(), key, change); err != nil {
							b.Error(err)
							return
						}
						j.Settle(key, applied(change, new(holding(0))))
					}
				})
			}
			for i := 0; b.Loop(); i++ {
				work <- i
			}
			close(work)
			wg.Wait()
			if err := j.Close(); err != nil {
				b.Error(err)
			}
			b.ReportMetric(float64(b.N)/float64(counted.appends), "intents/sync")
		})
	}
}

// countAppends counts the syncs of a log.
type countAppends struct {
	Store
	appends int
}

func (c *countAppends) Append(ctx context.Context, name string, offset int64, data []byte) error {
	c.appends++
	return c.Store.Append(ctx, name, offset, data)
}
