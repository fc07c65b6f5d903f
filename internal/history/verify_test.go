package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/internal/shard"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// recorded makes a run that changes some records, from first to last.
func recorded(t *testing.T, s Store, run string, part shard.Shard, first, last int) *Recorder {
	t.Helper()
	record := testRecord(run)
	record.Shard = part
	r, err := New(s).Begin(t.Context(), record)
	if err != nil {
		t.Fatal(err)
	}
	var results []reconcile.ChangeResult
	for i := first; i < last; i++ {
		change := modify(testKey(i), holding(2), retries(0))
		if err := r.Journal().Intend(t.Context(), testKey(i), change); err != nil {
			t.Fatal(err)
		}
		results = append(results, *applied(change, new(holding(0))))
		r.Journal().Settle(testKey(i), &results[len(results)-1])
	}
	record.State = Finished
	record.SetOutcome(&reconcile.Outcome{Targets: []reconcile.TargetOutcome{{Target: testTarget, Results: results}}})
	if err := r.Finish(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	return r
}

// die makes a run that is killed after its writes.
func die(t *testing.T, s Store, run string) *Recorder {
	t.Helper()
	r := begin(t, s, run)
	for i := range 3 {
		change := modify(testKey(i), holding(2), retries(0))
		if err := r.Journal().Intend(t.Context(), testKey(i), change); err != nil {
			t.Fatal(err)
		}
		r.Journal().Settle(testKey(i), applied(change, new(holding(0))))
	}
	kill(t, r)
	return r
}

// kill ends a run as a SIGKILL does.
func kill(t *testing.T, r *Recorder) {
	t.Helper()
	r.alive.endRenewals()
	r.alive.stop.Stop()
	r.journal.mu.Lock()
	r.journal.seq = 0 // so that Close adds no line
	r.journal.mu.Unlock()
	if err := r.journal.Close(); err != nil {
		t.Fatal(err)
	}
}

// aPast is a history of every kind of run: one that wrote, one that wrote nothing, one
// in two shards, one that died and was linked by the run after it, and one that died
// last, which nobody has linked yet.
func aPast(t *testing.T) *memory {
	s := newMemory()
	synctest.Test(t, func(t *testing.T) {
		recorded(t, s, "wrote", shard.Shard{}, 0, 4)
		time.Sleep(time.Minute)
		recorded(t, s, "idle", shard.Shard{}, 0, 0)
		recorded(t, s, "shards", shard.Shard{Index: 0, Count: 2}, 0, 2)
		recorded(t, s, "shards", shard.Shard{Index: 1, Count: 2}, 2, 4)
		die(t, s, "died")
		time.Sleep(2 * LeaseTTL)
		recorded(t, s, "after", shard.Shard{}, 0, 2)
		time.Sleep(time.Minute)
		die(t, s, "pending")
		time.Sleep(2 * LeaseTTL)
	})
	return s
}

// clone copies a store, so that it can be harmed.
func (m *memory) clone() *memory {
	return &memory{objects: maps.Clone(m.objects), logs: maps.Clone(m.logs)}
}

// trusts is what Verify says of every run, and what is wrong with the chain.
func trusts(t *testing.T, s Store) (map[string]Trust, []Discrepancy) {
	t.Helper()
	found, err := New(s).VerifyAll(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]Trust{}
	for _, v := range found.Runs {
		by[v.RunID] = v.Trust
		found.Chain = append(found.Chain, v.Discrepancies...)
	}
	return by, found.Chain
}

func TestVerifyTrustsWhatNobodyTouched(t *testing.T) {
	s := aPast(t)
	got, breaches := trusts(t, s)
	want := map[string]Trust{"wrote": Verified, "idle": Verified, "shards": Verified, "died": Verified, "after": Verified, "pending": Pending}
	if diff := cmp.Diff(want, got); diff != "" || len(breaches) > 0 {
		t.Errorf("(-want +got)\n%s%v", diff, breaches)
	}
	// A run that died is linked once.
	if left, err := s.List(t.Context(), aliveFolder); err != nil || len(left) != 1 || !strings.HasPrefix(left[0], aliveFolder+"pending/") {
		t.Errorf("signs of life: %v, %v, want that of the run which is not linked yet", left, err)
	}
	for run, trust := range want {
		if v, err := New(s).Verify(t.Context(), run); err != nil || v.Trust != trust {
			t.Errorf("Verify(%s): %+v, %v, want %s", run, v, err, trust)
		}
		if _, err := New(s).Traces(t.Context(), run); err != nil {
			t.Errorf("Undo(%s): %v", run, err)
		}
	}
}

// harm changes one thing at random, and says what. It is "" where nothing changed, or
// where nobody could tell: of a run that died and that no other run has linked yet,
// the end of the journal, or all of it, may never have been written.
func harm(s *memory, rng *rand.Rand) string {
	var names []string
	content := map[string][]byte{}
	for _, files := range []map[string][]byte{s.objects, s.logs} {
		for name, text := range files {
			if !strings.HasPrefix(name, aliveFolder) && !strings.HasPrefix(name, leasesFolder) {
				names = append(names, name)
				content[name] = text
			}
		}
	}
	slices.Sort(names)
	put := func(name string, text []byte) {
		if _, is := s.objects[name]; is {
			s.objects[name] = text
		} else {
			s.logs[name] = text
		}
	}
	name := names[rng.IntN(len(names))]
	text := bytes.Clone(content[name])
	lines := bytes.SplitAfter(text, []byte("\n"))
	if len(lines[len(lines)-1]) == 0 {
		lines = lines[:len(lines)-1]
	}
	pending := strings.HasPrefix(name, journalsFolder+"pending/")
	var what string
	switch rng.IntN(7) {
	case 0:
		what = "flip"
		at := rng.IntN(len(text))
		if pending && at == len(text)-1 {
			return "" // the last newline: a torn line
		}
		text[at] ^= byte(1 + rng.IntN(255))
	case 1:
		what = "truncation"
		if text = text[:rng.IntN(len(text))]; pending {
			return ""
		}
	case 2:
		what = "deleted line"
		at := rng.IntN(len(lines))
		if pending && at == len(lines)-1 {
			return ""
		}
		text = bytes.Join(slices.Delete(slices.Clone(lines), at, at+1), nil)
	case 3:
		what = "swapped lines"
		a, b := rng.IntN(len(lines)), rng.IntN(len(lines))
		lines[a], lines[b] = lines[b], lines[a]
		text = bytes.Join(lines, nil)
	case 4:
		what = "repeated line"
		at := rng.IntN(len(lines))
		text = bytes.Join(slices.Insert(slices.Clone(lines), at, lines[at]), nil)
	case 5:
		if pending {
			return ""
		}
		delete(s.objects, name)
		delete(s.logs, name)
		return "deleted file " + name
	default:
		other := names[rng.IntN(len(names))]
		if bytes.Equal(content[other], text) {
			return ""
		}
		put(name, content[other])
		put(other, text)
		return "swapped files " + name + " and " + other
	}
	if bytes.Equal(text, content[name]) {
		return ""
	}
	put(name, text)
	return what + " in " + name
}

// TestNothingIsChangedUnnoticed harms a history ten thousand times.
func TestNothingIsChangedUnnoticed(t *testing.T) {
	harms := uint64(10_000)
	if raceDetector {
		harms /= 10
	}
	whole := aPast(t)
	done := map[string]int{}
	for n := range harms {
		s := whole.clone()
		what := harm(s, rand.New(rand.NewPCG(11, n)))
		if what == "" {
			continue
		}
		done[strings.Fields(what)[0]]++
		trust, breaches := trusts(t, s)
		if len(breaches) == 0 {
			t.Fatalf("change %d, a %s, went unnoticed: %v", n, what, trust)
		}
	}
	for what, n := range done {
		if n < int(harms/20) {
			t.Errorf("only %d times a %s", n, what)
		}
	}
}

// TestRollbackIsNotToldWhatWasForged: one digit of a before-image.
func TestRollbackIsNotToldWhatWasForged(t *testing.T) {
	s := aPast(t)
	for name, text := range s.logs {
		if strings.HasPrefix(name, journalsFolder+"wrote/") {
			s.logs[name] = bytes.Replace(text, []byte(`"before":{"maximum_retry_attempts":2}`), []byte(`"before":{"maximum_retry_attempts":1}`), 1)
		}
	}
	var broken *BrokenError
	_, err := New(s).Traces(t.Context(), "wrote")
	if !errors.As(err, &broken) || broken.Lost() || !strings.Contains(err.Error(), "line 2: its sum does not hold") || !strings.Contains(err.Error(), "backup") {
		t.Errorf("Traces: %v, want a BrokenError with the line and what to do", err)
	}
	if _, err := New(s).Traces(t.Context(), "after"); err != nil {
		t.Errorf("another run is not concerned: %v", err)
	}
}

// TestARecordThatCannotBeReadIsNotMissed: the journal is enough to go back. A record
// that can be read, and was changed, could name other fleet files and other targets.
func TestARecordThatCannotBeReadIsNotMissed(t *testing.T) {
	for _, row := range []struct {
		why    string
		record func(text []byte) []byte
		undone bool
	}{
		{"it is empty", func([]byte) []byte { return nil }, true},
		{"it was cut off", func(text []byte) []byte { return text[:len(text)/2] }, true},
		{"it was edited", func(text []byte) []byte { return bytes.Replace(text, []byte("apply"), []byte("serve"), 1) }, false},
	} {
		for _, run := range []string{"wrote", "pending"} {
			s := aPast(t)
			for name, text := range s.objects {
				if strings.HasPrefix(name, runsFolder+run+"/") {
					s.objects[name] = row.record(text)
				}
			}
			if _, err := New(s).Traces(t.Context(), run); (err == nil) != row.undone {
				t.Errorf("%s, of %s: Undo: %v", row.why, run, err)
			}
			if v, err := New(s).Verify(t.Context(), run); err != nil || v.Trust != Broken {
				t.Errorf("%s, of %s: Verify: %+v, %v", row.why, run, v, err)
			}
			if runs, err := New(s).List(t.Context(), ListOptions{All: true}); err != nil || len(runs) != 6 {
				t.Errorf("%s, of %s: List: %d runs, %v", row.why, run, len(runs), err)
			}
		}
	}
}

// TestARunThatCannotBeReadHidesNoOther: nobody may read it, or the disk does not give it.
func TestARunThatCannotBeReadHidesNoOther(t *testing.T) {
	whole := aPast(t)
	names, err := whole.List(t.Context(), runsFolder+"wrote/")
	if err != nil {
		t.Fatal(err)
	}
	bad, _ := parseAttempt(names[0], runsFolder, ".json")
	for _, refused := range []refusing{
		{whole, bad.record(), fs.ErrPermission},
		{whole, bad.record(), ErrAbsent}, // since it was listed
		{whole, bad.record(), errors.New("input/output error")},
		{whole, bad.journal(), errors.New("input/output error")},
	} {
		got, breaches := trusts(t, refused)
		want := map[string]Trust{"wrote": Broken, "idle": Verified, "shards": Verified, "died": Verified, "after": Verified, "pending": Pending}
		if diff := cmp.Diff(want, got); diff != "" || len(breaches) != 1 || !strings.Contains(breaches[0].What, refused.err.Error()) {
			t.Errorf("%s, %v: (-want +got)\n%s%v", refused.name, refused.err, diff, breaches)
		}
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := New(refusing{whole, bad.record(), context.Canceled}).VerifyAll(stopped, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("whoever stops it is told of no breach: %v", err)
	}
}

// TestAJournalThatLostItsEndIsFoundOut: what is left can be had, by who asks for it.
func TestAJournalThatLostItsEndIsFoundOut(t *testing.T) {
	for _, row := range []struct {
		why  string
		left func(lines [][]byte) [][]byte
		run  string
		want int // records of which the rest of the journal speaks
		says string
	}{
		{"the second half is gone", func(lines [][]byte) [][]byte { return lines[:4] }, "wrote", 2, "it lost its end"},
		{"all of it is gone", func([][]byte) [][]byte { return nil }, "wrote", 0, "the journal is gone"},
		{"the last line is torn", func(lines [][]byte) [][]byte {
			return append(lines[:9:9], lines[9][:10])
		}, "wrote", 4, "it lost its end"},
		{"of a run that died, after another run had linked it", func(lines [][]byte) [][]byte { return lines[:2] }, "died", 1, "it lost its end"},
	} {
		s := aPast(t)
		for name, text := range s.logs {
			if !strings.HasPrefix(name, journalsFolder+row.run+"/") {
				continue
			}
			if left := row.left(bytes.SplitAfter(text, []byte("\n"))); left == nil {
				delete(s.logs, name)
			} else {
				s.logs[name] = bytes.Join(left, nil)
			}
		}
		var broken *BrokenError
		undos, err := New(s).Traces(t.Context(), row.run)
		if !errors.As(err, &broken) || !broken.Lost() || !strings.Contains(err.Error(), row.says) || !strings.Contains(err.Error(), "--partial") || len(undos) != row.want {
			t.Errorf("%s: %d undos, %v; want %d, and %q", row.why, len(undos), err, row.want, row.says)
		}
	}
}

// TestATornLineIsNoBreach: a crash in the middle of a write leaves one, and no write
// was sent on its strength.
func TestATornLineIsNoBreach(t *testing.T) {
	s := aPast(t)
	for name, text := range s.logs {
		if strings.HasPrefix(name, journalsFolder+"pending/") {
			s.logs[name] = append(bytes.Clone(text), `{"seq":8,"at":"2000-01-`...)
		}
	}
	got, breaches := trusts(t, s)
	if got["pending"] != Pending || len(breaches) > 0 {
		t.Errorf("%v, %v", got, breaches)
	}
	// The next run links it as it is, torn line and all.
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Hour)
		recorded(t, s, "next", shard.Shard{}, 0, 1)
	})
	if got, breaches := trusts(t, s); got["pending"] != Verified || got["next"] != Verified || len(breaches) > 0 {
		t.Errorf("after the next run: %v, %v", got, breaches)
	}
}

// TestAnOlderHistoryIsUnverified: a run from before there was a chain can be read and
// rolled back, and is called what it is; a lost end of its journal shows all the same.
func TestAnOlderHistoryIsUnverified(t *testing.T) {
	const stem = "old/20260101T000000.000000Z-whole"
	record := `{"format_version":1,"run_id":"old","verb":"apply","state":"finished","started":"2026-01-01T00:00:00Z","items":[{"account":"1","region":"r","function":"f","qualifier":"q","action":"create","status":"applied","before":null,"request":{},"after":{},"attempts":1,"waited_ms":0}]}`
	journal := beginLine + "\n" + intentLine + "\n" + resultLine + "\n" + endLine + "\n"
	s := newMemory()
	s.objects[runsFolder+stem+".json"] = []byte(record)
	s.logs[journalsFolder+stem+".jsonl"] = []byte(journal)
	if v, err := New(s).Verify(t.Context(), "old"); err != nil || v.Trust != Unverified || len(v.Discrepancies) > 0 {
		t.Errorf("Verify: %+v, %v", v, err)
	}
	if undos, err := New(s).Traces(t.Context(), "old"); err != nil || len(undos) != 1 {
		t.Errorf("Traces: %v, %v", undos, err)
	}
	for _, lines := range []int{1, 3} {
		s.logs[journalsFolder+stem+".jsonl"] = []byte(strings.Join(strings.SplitAfter(journal, "\n")[:lines], ""))
		var broken *BrokenError
		if _, err := New(s).Traces(t.Context(), "old"); !errors.As(err, &broken) || !broken.Lost() {
			t.Errorf("with %d lines of the journal: %v", lines, err)
		}
	}
}

// TestTheChainGoesOnAfterABreach: a fault of the past keeps no run from being
// recorded, and is told for ever.
func TestTheChainGoesOnAfterABreach(t *testing.T) {
	for _, row := range []struct {
		why  string
		harm func(s *memory)
	}{
		{"the head is gone", func(s *memory) { delete(s.objects, headName) }},
		{"the head is damaged", func(s *memory) { s.objects[headName] = []byte("{") }},
		{"the last link is gone", func(s *memory) { delete(s.objects, linkName(6)) }},
		{"a link in the middle is gone", func(s *memory) { delete(s.objects, linkName(3)) }},
		{"a link is damaged", func(s *memory) { s.objects[linkName(6)] = []byte("{}\n") }},
	} {
		s := aPast(t)
		row.harm(s)
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Hour)
			recorded(t, s, "next", shard.Shard{}, 0, 1)
		})
		trust, breaches := trusts(t, s)
		if len(breaches) == 0 {
			t.Errorf("%s: nothing is told of it", row.why)
		}
		if v, err := New(s).Verify(t.Context(), "next"); err != nil || v.Trust != Verified && !strings.Contains(fmt.Sprint(v.Discrepancies), "before this link") {
			t.Errorf("%s: the run after it: %+v, %v; all: %v", row.why, v, err, trust)
		}
	}
}

// TestConcurrentRunsMakeOneChain: many runs that end at once.
func TestConcurrentRunsMakeOneChain(t *testing.T) {
	eachStore(t, func(t *testing.T, s Store) {
		done := make(chan error)
		const runs = 8
		for i := range runs {
			go func() {
				r, err := New(s).Begin(t.Context(), testRecord(fmt.Sprintf("run-%d", i)))
				if err == nil {
					err = r.Finish(t.Context(), &RunRecord{State: Finished})
				}
				done <- err
			}()
		}
		for range runs {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		trust, breaches := trusts(t, s)
		for run, got := range trust {
			if got != Verified {
				t.Errorf("%s is %s", run, got)
			}
		}
		if len(trust) != runs || len(breaches) > 0 {
			t.Errorf("%d runs, %v", len(trust), breaches)
		}
	})
}

// TestForgeriesThatSumUp: whoever changes an object and computes its own sum anew is
// found by the object after it.
func TestForgeriesThatSumUp(t *testing.T) {
	forge := func(s *memory, name, old, changed, previous string) {
		covered, _, _ := cutSum(s.objects[name], indentedForm)
		covered = bytes.Replace(covered, []byte(old), []byte(changed), 1)
		s.objects[name], _ = appendSum(append(bytes.Clone(covered), "\n}"...), indentedForm, previous)
	}
	of := func(s *memory, folder, run string) string {
		for _, files := range []map[string][]byte{s.objects, s.logs} {
			for name := range files {
				if strings.HasPrefix(name, folder+run+"/") {
					return name
				}
			}
		}
		t.Fatalf("no %s of %s", folder, run)
		return ""
	}
	for _, row := range []struct {
		why   string
		forge func(s *memory)
		says  string
	}{
		{"a record", func(s *memory) { forge(s, of(s, runsFolder, "wrote"), "apply", "serve", "") }, "the record was changed after link 1 was made"},
		{"the record of a run that is not linked yet, as one that finished", func(s *memory) {
			name := of(s, runsFolder, "pending")
			forge(s, name, "running", "finished", "")
			delete(s.objects, of(s, aliveFolder, "pending"))
		}, "no link of the chain speaks of it"},
		{"the last link", func(s *memory) {
			l, err := New(s).readLink(t.Context(), 6)
			if err != nil {
				t.Fatal(err)
			}
			forge(s, linkName(6), l.Record, strings.Repeat("0", 64), l.Previous)
		}, "link 6 is not the one that the head names"},
		{"a link in the middle", func(s *memory) {
			l, err := New(s).readLink(t.Context(), 3)
			if err != nil {
				t.Fatal(err)
			}
			forge(s, linkName(3), l.Record, strings.Repeat("0", 64), l.Previous)
		}, "link 3 is not the one that link 4 follows"},
		{"half a line more than a run that ended wrote", func(s *memory) {
			name := of(s, journalsFolder, "wrote")
			s.logs[name] = append(bytes.Clone(s.logs[name]), `{"seq":99,`...)
		}, "it was changed after link 1 was made"},
		{"a journal in a place of its own", func(s *memory) {
			name := of(s, journalsFolder, "wrote")
			s.logs[strings.Replace(name, "-whole", "-shard-0-of-2", 1)] = s.logs[name]
		}, "the journal has no record"},
		{"the journal of another run", func(s *memory) {
			s.logs[strings.Replace(of(s, runsFolder, "idle"), ".json", ".jsonl", 1)] = nil
			s.logs[strings.NewReplacer(runsFolder, journalsFolder, ".json", ".jsonl").Replace(of(s, runsFolder, "idle"))] = s.logs[of(s, journalsFolder, "wrote")]
		}, "says that there was no journal"},
		{"the journal of another run, for one that is not linked yet", func(s *memory) {
			s.logs[of(s, journalsFolder, "pending")] = s.logs[of(s, journalsFolder, "wrote")]
		}, "it is the journal of another attempt, wrote/"},
		{"a record that tells of a change which its journal never heard of", func(s *memory) {
			s.objects[runsFolder+"old/20260101T000000.000000Z-whole.json"] = []byte(`{"format_version":1,"run_id":"old","state":"finished","started":"2026-01-01T00:00:00Z","items":[{"account":"1","region":"r","function":"f","qualifier":"q","action":"create","status":"applied","before":null,"request":{},"after":{},"attempts":1,"waited_ms":0}]}`)
			s.logs[journalsFolder+"old/20260101T000000.000000Z-whole.jsonl"] = []byte(beginLine + "\n" + `{"seq":2,"end":{"intents":0}}` + "\n")
		}, "it does not speak of 1 changes"},
	} {
		s := aPast(t)
		row.forge(s)
		if _, breaches := trusts(t, s); !strings.Contains(fmt.Sprint(breaches), row.says) {
			t.Errorf("%s: %v, want %q", row.why, breaches, row.says)
		}
	}
}

// TestARunThatWasTakenForDeadWritesNoMore: it was stopped, and the next run has linked
// its journal as it was.
func TestARunThatWasTakenForDeadWritesNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		stopped := begin(t, s, "stopped")
		kept := &memoryRecorder{run: stopped}
		change := create(testKey(1), retries(0))
		if err := kept.Intend(t.Context(), testKey(1), change); err != nil {
			t.Fatal(err)
		}
		// The process does not run: nothing renews its sign of life, and no timer of
		// its own has gone off.
		stopped.alive.stop.Stop()
		s.do(func() { s.before = func(op, _ string) error { return errors.New("stopped") } })
		time.Sleep(2 * LeaseTTL)
		s.do(func() { s.before = nil })
		recorded(t, s, "next", shard.Shard{}, 2, 3)

		if err := kept.Intend(t.Context(), testKey(2), create(testKey(2), retries(0))); !errors.As(err, new(*LostError)) {
			t.Errorf("Intend: %v, want LostError", err)
		}
		kept.Settle(testKey(1), applied(change, new(holding(0))))
		if err := stopped.Finish(t.Context(), &RunRecord{State: Interrupted}); err != nil {
			t.Fatal(err)
		}
		if trust, breaches := trusts(t, s); trust["stopped"] != Verified || trust["next"] != Verified || len(breaches) > 0 {
			t.Errorf("after both have ended: %v, %v", trust, breaches)
		}
	})
}

// TestAChainThatWasMadeAnew holds in itself, and not against a sum that was kept.
func TestAChainThatWasMadeAnew(t *testing.T) {
	s := aPast(t)
	first, err := New(s).VerifyAll(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	recorded(t, s, "later", shard.Shard{}, 0, 1)
	if again, err := New(s).VerifyAll(t.Context(), first.End); err != nil || len(again.Chain) > 0 || again.End == first.End {
		t.Errorf("after another run: %+v, %v", again, err)
	}
	anew := newMemory()
	recorded(t, anew, "wrote", shard.Shard{}, 0, 1)
	if found, err := New(anew).VerifyAll(t.Context(), first.End); err != nil || !strings.Contains(fmt.Sprint(found.Chain), "the chain was made anew") {
		t.Errorf("%+v, %v", found, err)
	}
}
