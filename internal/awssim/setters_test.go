package awssim_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// A test that pokes the world must hear about a slip, or it would test nothing.
func TestSettersRefuse(t *testing.T) {
	w := newWorld(t, factsWorld())
	for _, row := range []struct {
		why string
		err error
	}{
		{"a function that is not there", w.SetRecord(account, region, "nobody", "", awssim.Record{})},
		{"nor to delete from", w.DeleteRecord(account, region, "nobody", "")},
		{"in another region", w.SetBusy(account, "eu-west-1", "f", time.Second)},
		{"an account that is not there", w.AddFunction(other, region, awssim.Function{Name: "f"})},
		{"a function that is none", w.AddFunction(account, region, awssim.Function{Name: "a b"})},
		{"a chance that is none", w.SetFaults(awssim.Faults{Lost: 2})},
		{"a rate that is none", w.SetQuota(awssim.Quota{Rate: -1})},
	} {
		if row.err == nil {
			t.Errorf("%s: accepted", row.why)
		}
	}
}

func TestSetters(t *testing.T) {
	w := newWorld(t, factsWorld())
	for _, err := range []error{
		w.AddFunction(account, region, awssim.Function{Name: "new-%d", Count: 2, Aliases: []string{"a", "b"}, Records: map[string]awssim.Record{"a": {MaximumRetryAttempts: new(1)}}}),
		w.RemoveAlias(account, region, "new-0", "b"),
		w.SetRecord(account, region, "new-0", "", awssim.Record{OnFailure: "x"}),
		w.DeleteRecord(account, region, "new-0", "a"),
		w.DeleteRecord(account, region, "new-0", "a"), // not there: no error
		w.SetTags(account, region, "new-1", map[string]string{"k": "v"}),
		w.RemoveFunction(account, region, "g"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		name, qualifier string
		there           bool
	}{{"new-0", "", true}, {"new-0", "a", false}, {"new-1", "a", true}, {"new-1", "", false}} {
		if _, there := w.Record(account, region, row.name, row.qualifier); there != row.there {
			t.Errorf("%s:%s of the series: there is a record: %t", row.name, row.qualifier, there)
		}
	}
	c := by(t, w)
	if names, _ := pages(c, "/2015-03-31/functions/new-1/aliases", "Aliases", "Name"); len(names) != 2 {
		t.Errorf("new-1, of the same series, lost an alias: %v", names)
	}
	if r, ok := w.Record(account, region, "new-0", ""); !ok || r.OnFailure != "x" || r.LastModified.IsZero() {
		t.Errorf("%+v %v", r, ok)
	}
	get(path("g", "")+"/list", "").missing(gone).run(t, c)
	if _, page := c.resources(`{"TagFilters":[{"Key":"k"}]}`); len(page.ResourceTagMappingList) != 1 {
		t.Errorf("tagged: %+v", page)
	}
}

func hundredThousand() *awssim.Scenario {
	return awssim.Fleet(account, region, awssim.Function{
		Name: "f-%06d", Count: 100_000, Versions: []string{"1"}, Aliases: []string{"live"}, Tags: map[string]string{"team": "orders"},
		Records: map[string]awssim.Record{"$LATEST": {MaximumRetryAttempts: new(0)}, "live": {OnFailure: "arn:aws:sqs:us-east-1:111111111111:dlq"}},
	})
}

func TestHundredThousandFunctionsFit(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a large world")
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	w := newWorld(t, hundredThousand())
	by(t, w).call("GET", "/2015-03-31/functions", "")
	mb := float64(heap()-before) / 1e6
	t.Logf("%.0f MB for 100,000 functions with 2 records each", mb)
	if mb > 150 {
		t.Errorf("%.0f MB, want less than 150", mb)
	}
	runtime.KeepAlive(w)
}

func BenchmarkList(b *testing.B) {
	s := hundredThousand()
	s.CallLog = -1
	w := newWorld(b, s)
	c := by(b, w)
	b.ReportAllocs()
	for b.Loop() {
		res, err := w.Do(c.request("GET", path("f-012345", "")+"/list", ""))
		if err != nil || res.StatusCode != 200 {
			b.Fatal(res, err)
		}
	}
}
