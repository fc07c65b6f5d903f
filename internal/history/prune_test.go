package history

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/internal/shard"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// ids are the runs that are there, oldest first.
func ids(t *testing.T, s Store) string {
	t.Helper()
	runs, err := New(s).List(t.Context(), ListOptions{All: true})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for i := range runs {
		all = append([]string{runs[i].ID}, all...)
	}
	return strings.Join(all, " ")
}

func TestPrune(t *testing.T) {
	eachStore(t, func(t *testing.T, s Store) {
		past := func(run string, days int, writes bool) {
			record := testRecord(run)
			record.Started = time.Now().AddDate(0, 0, -days)
			record.Callers = []Caller{{Target: testTarget}}
			r, err := New(s).Begin(t.Context(), record)
			if err != nil {
				t.Fatal(err)
			}
			if writes {
				record.Items = []Item{{Key: testKey(1), Action: reconcile.Create, Status: "applied", Attempts: 1}}
				change := create(testKey(1), retries(0))
				if err := r.Journal().Intend(t.Context(), testKey(1), change); err != nil {
					t.Fatal(err)
				}
				r.Journal().Settle(testKey(1), applied(change, new(holding(0))))
			}
			record.State = Finished
			if err := r.Finish(t.Context(), record); err != nil {
				t.Fatal(err)
			}
		}
		past("first", 200, true)
		past("second", 190, false)
		past("third", 180, true) // the last that wrote there
		past("fourth", 170, false)
		past("young", 10, false)

		size := func(folder string) (n int64) {
			for run := range strings.FieldsSeq("first second fourth") {
				names, err := s.List(t.Context(), folder+run+"/")
				if err != nil {
					t.Fatal(err)
				}
				for _, name := range names {
					data, _, err := s.Read(t.Context(), name)
					if folder == journalsFolder {
						data, err = s.ReadLog(t.Context(), name)
					}
					if err != nil {
						t.Fatal(err)
					}
					n += int64(len(data))
				}
			}
			return n
		}
		bytes := size(runsFolder) + size(journalsFolder)
		runs, freed, err := New(s).Prunable(t.Context(), time.Now().AddDate(0, 0, -90))
		if diff := cmp.Diff([]string{"first", "second", "fourth"}, runs); err != nil || diff != "" || freed != bytes {
			t.Fatalf("Prunable: %d bytes of %d, %v (-want +got)\n%s", freed, bytes, err, diff)
		}
		removed, err := New(s).Prune(t.Context(), time.Now().AddDate(0, 0, -90))
		if diff := cmp.Diff([]string{"first", "second", "fourth"}, removed); err != nil || diff != "" {
			t.Fatalf("Prune: %v (-want +got)\n%s", err, diff)
		}
		if got := ids(t, s); got != "third young" {
			t.Errorf("left are %q", got)
		}
		if undos, err := New(s).Traces(t.Context(), "latest"); err != nil || len(undos) != 1 {
			t.Errorf("the last that wrote can be undone no more: %v, %v", undos, err)
		}
		names, err := s.List(t.Context(), "")
		if err != nil || strings.Contains(fmt.Sprint(names), "/first/") {
			t.Errorf("files of what was removed: %v, %v", names, err)
		}
		if trust, breaches := trusts(t, s); len(breaches) > 0 || trust["third"] != Verified {
			t.Errorf("after it: %v, %v", trust, breaches)
		}
	})
}

func TestPruneKeepsWhatIsNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		recorded(t, s, "old", shard.Shard{}, 0, 1)
		time.Sleep(time.Hour)
		recorded(t, s, "new", shard.Shard{}, 0, 1)
		atWork := testRecord("undoing")
		atWork.Verb = "rollback"
		r, err := New(s).Begin(t.Context(), atWork)
		if err != nil {
			t.Fatal(err)
		}
		if removed, err := New(s).Prune(t.Context(), time.Now().Add(time.Hour)); err == nil || !strings.Contains(err.Error(), "rollback undoing is at work") || len(removed) != 0 {
			t.Errorf("while a rollback is at work: %v, %v", removed, err)
		}
		if err := r.Finish(t.Context(), &RunRecord{State: Finished}); err != nil {
			t.Fatal(err)
		}
		for name := range s.objects {
			if strings.HasPrefix(name, runsFolder+"old/") {
				s.objects[name] = []byte("{")
			}
		}
		if _, err := New(s).Prune(t.Context(), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if got := ids(t, s); !strings.Contains(got, "old") {
			t.Errorf("a run whose record is damaged was removed, and with it the evidence: %q is left", got)
		}
	})
}

// TestPruneKeepsTheLastAudit: it knows since when what drifts.
func TestPruneKeepsTheLastAudit(t *testing.T) {
	s := newMemory()
	for _, a := range audits[:3] {
		a.run(t, s)
	}
	removed, err := New(s).Prune(t.Context(), time.Now())
	if diff := cmp.Diff([]string{"audit-01", "audit-02"}, removed); diff != "" || err != nil {
		t.Errorf("%v, removed (-want +got):\n%s", err, diff)
	}
}
