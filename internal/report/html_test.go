package report

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/page"
	"github.com/eventinvoke/eventinvoke/internal/shard"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

func asHTML(t interface{ Fatal(...any) }, r *Run) string {
	var b bytes.Buffer
	if err := HTML(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// withPast is a run with everything that a page can plot.
func withPast(r *Run) *Run {
	r.Functions, r.Covered = 200, 187
	for i := range int64(12) {
		point := history.PacePoint{AtMS: i * 10_000, Rate: 13.5, Ceiling: 13.5}
		if i == 4 {
			point.Throttled, point.Rate = 2, 6.8
		}
		r.API[0].Pace = append(r.API[0].Pace, point)
	}
	trend := history.Trend{Target: prod, Label: "prod"}
	for i, drifted := range []int{9, 4, 0, 6, 12} {
		trend.Audits = append(trend.Audits, history.AuditCount{RunID: fmt.Sprint(i), Started: started.Add(time.Duration(i-5) * 24 * time.Hour), Declared: 200, Drifted: drifted, New: drifted / 2, Failed: i == 2})
	}
	r.Trends = []history.Trend{trend}
	return r
}

func TestHTML(t *testing.T) {
	for _, s := range scenarios {
		switch s.name {
		case "partial", "authors", "no-plan", "in-sync", "requirements", "destinations":
			t.Run(s.name, func(t *testing.T) {
				r := s.run(t)
				if s.name == "partial" {
					r = withPast(r)
				}
				got := asHTML(t, r)
				if got != asHTML(t, r) {
					t.Error("the same run gives other bytes")
				}
				_, body, _ := strings.Cut(got, "</style>")
				body = strings.Replace(body, htmlScript, "…", 1)
				golden(t, s.name+".html", []byte(body))
			})
		}
	}
}

// readRows takes the rows out of a page as its script does.
func readRows(t interface{ Fatal(...any) }, document string) (data rowsJSON, names []string) {
	_, rest, there := strings.Cut(document, `<script type="application/`)
	if !there {
		return data, nil
	}
	kind, rest, _ := strings.Cut(rest, `" id="data">`)
	encoded, _, _ := strings.Cut(rest, "</script>")
	from := io.Reader(strings.NewReader(encoded))
	if kind == "gzip" {
		packed, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, from))
		if err != nil {
			t.Fatal(err)
		}
		from = packed
	}
	if err := json.NewDecoder(from).Decode(&data); err != nil {
		t.Fatal(err)
	}
	last := ""
	for i, rest := range data.Rest {
		last = last[:data.Shared[i]] + rest
		names = append(names, last)
	}
	return data, names
}

func TestHTMLIsOneDocumentWhateverThingsAreCalled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := drawHostile(t)
		text = rapid.SampledFrom([]string{text, "</script><script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "<!--<script>"}).Draw(t, "hostile")
		for _, r := range append(hostileRuns(text), drawRun(t)) {
			got := asHTML(t, r)
			data, names := readRows(t, got)
			scripts := 1
			if len(names) > 0 {
				scripts = 2
			}
			if n := strings.Count(got, "<script"); n != scripts || strings.Contains(got, "<img") || strings.Contains(got, "<!--") {
				t.Fatalf("%q is markup: %d scripts, want %d", text, n, scripts)
			}
			i := 0
			r.remarks(func(m remark) {
				kind := data.Kinds[int(data.Texts[data.Text[i]][0].(float64))]
				author := ""
				if by, has := data.Author[i]; has {
					author = data.Authors[by]
				}
				if author != strings.ToValidUTF8(m.author, "\ufffd") {
					t.Fatalf("row %d is by %q, want %q", i, author, m.author)
				}
				if names[i] != strings.ToValidUTF8(m.name, "\ufffd") || kind != m.kind() {
					t.Fatalf("row %d is %q %v, want %q %v", i, names[i], kind, m.name, m.kind())
				}
				i++
			})
			if i != len(names) {
				t.Fatalf("%d rows of %d remarks", len(names), i)
			}
		}
	})
}

// What a run found is on its page, in the score, in words and in the table.
func TestHTMLTellsOfRequirementsAndDestinations(t *testing.T) {
	for _, s := range scenarios {
		want := map[string][]string{
			"requirements": {"As required", "0 of 15 functions", "break the requirement &#34;no event is lost&#34;", "could not be held against the requirements"},
			"destinations": {"Destinations that take events", "0 of 32 destinations", "30 functions send failures to a queue that does not exist", "next:"},
		}[s.name]
		if want == nil {
			continue
		}
		got := asHTML(t, s.run(t))
		for _, text := range want {
			if !strings.Contains(got, text) {
				t.Errorf("%s: the page does not say %q", s.name, text)
			}
		}
		if open, closed := strings.Count(got, "<div"), strings.Count(got, "</div>"); open != closed {
			t.Errorf("%s: %d divisions are opened and %d closed", s.name, open, closed)
		}
		if _, names := readRows(t, got); len(names) < 4 {
			t.Errorf("%s: the table has %d rows", s.name, len(names))
		}
	}
}

// A ring is good where all is well, and nobody sees a share of what is not known: not in the
// report of a record either, which has forgotten some of it.
func TestHTMLCallsNothingInSyncThatIsNot(t *testing.T) {
	const ring, well = `class="ring `, `<h2>In sync</h2><svg class="ring good"`
	for _, row := range []struct {
		name     string
		change   func(*Run)
		has, not []string
	}{
		{"in-sync", func(*Run) {}, []string{well, "100 %"}, nil},
		{"missing", func(r *Run) { r.Plan.Targets[0].InSync, r.Plan.Targets[0].Changes = r.Plan.Targets[0].Declared-2, nil },
			[]string{`<h2>In sync</h2><svg class="ring warn"`, "2 missing in AWS", "The exit code is 3, unless"}, []string{well}},
		{"missing", func(r *Run) {
			r.Plan.Targets[0].InSync, r.Plan.Targets[0].Changes = r.Plan.Targets[0].Declared-2, nil
			r.Fleet.MissingFunctions, r.Fleet.MissingQualifiers = desired.MissingWarn, desired.MissingWarn
		}, []string{well, "2 missing in AWS", "no error, as the fleet file says missing_functions: warn"}, nil},
		{"missing", func(r *Run) {
			r.Plan.Targets[0].InSync, r.Plan.Targets[0].Changes = r.Plan.Targets[0].Declared-2, nil
			*r = *remembered(r)
		}, []string{`<h2>In sync</h2><svg class="ring warn"`, "2 missing in AWS", "an error unless the fleet file says missing_functions: warn"}, []string{well, "The exit code is 3", `class="badge bad"`}},
		{"unknown", func(*Run) {}, []string{" of ?</p>", "1 target not read"}, []string{ring}},
		{"unknown", func(r *Run) { *r = *remembered(r) }, []string{" of ?</p>", "1 target not read"}, []string{ring}},
		{"drift", func(r *Run) { *r = *remembered(r) }, []string{"What differs"}, []string{"Declared at</th>", "fleet.yaml\""}},
	} {
		for _, s := range scenarios {
			if s.name != row.name {
				continue
			}
			r := s.run(t)
			row.change(r)
			_, got, _ := strings.Cut(asHTML(t, r), "</style>")
			for _, text := range row.has {
				if !strings.Contains(got, text) {
					t.Errorf("%s: the page does not say %q", s.name, text)
				}
			}
			for _, text := range row.not {
				if strings.Contains(got, text) {
					t.Errorf("%s: the page says %q", s.name, text)
				}
			}
		}
	}
}

// The shares are those of the fleet, or absent: live, and from a record.
func TestHTMLSharesAreOfTheFleet(t *testing.T) {
	shares := []string{"<h2>In sync</h2>", "<h2>With a failure destination</h2>", "<h2>As required</h2>", "<h2>Destinations that take events</h2>"}
	for _, name := range []string{"requirements", "destinations", "drift", "partial"} {
		whole, part := withPast(scenarioOf(t, name)), withPast(scenarioOf(t, name))
		part.Part = true
		if got := asHTML(t, whole); !strings.Contains(got, shares[0]) || !strings.Contains(got, shares[1]) {
			t.Errorf("%s: a whole run has no share", name)
		}
		for what, r := range map[string]*Run{"a part": part, "the record of one": remembered(part)} {
			got := asHTML(t, r)
			for _, share := range shares {
				if strings.Contains(got, share) {
					t.Errorf("%s: the page of %s has %s", name, what, share)
				}
			}
		}
	}
	none, one := desired.Selection{}, desired.Selection{Functions: []string{"orders-*"}}
	yes, no := true, false
	shard := func(i, n int) shard.Shard { return shard.Shard{Index: i, Count: n} }
	for _, row := range []struct {
		why      string
		part     bool
		attempts []history.RunRecord
	}{
		{"an apply of a fleet", false, []history.RunRecord{{Verb: "apply", Narrowed: &no}}},
		{"an apply of a saved plan, or a rollback", true, []history.RunRecord{{Verb: "apply", Narrowed: &yes}}},
		{"each shard", false, []history.RunRecord{{Verb: "apply", Shard: shard(0, 2), Narrowed: &no}, {Verb: "apply", Shard: shard(1, 2), Narrowed: &no}}},
		{"a shard is missing", true, []history.RunRecord{{Verb: "apply", Shard: shard(0, 2), Narrowed: &no}}},
		{"a shard came to no plan", true, []history.RunRecord{{Verb: "apply", Shard: shard(0, 2), Narrowed: &no}, {Verb: "apply", Shard: shard(1, 2)}}},
		{"an audit of before", false, []history.RunRecord{{Verb: "audit", Selection: none}}},
		{"one that was narrowed", true, []history.RunRecord{{Verb: "audit", Selection: one}}},
		{"an apply of before may be of a saved plan", true, []history.RunRecord{{Verb: "apply"}}},
	} {
		for i := range row.attempts {
			row.attempts[i].SetPlan(scenarioOf(t, "drift").Plan)
		}
		r := Past(PastRun{Run: history.NewRun(row.attempts...)})
		if shown := strings.Contains(asHTML(t, r), shares[0]); r.Part != row.part || shown == row.part {
			t.Errorf("%s: a part: %t; a share is shown: %t", row.why, r.Part, shown)
		}
	}
}

// remembered is a run as its record tells of it.
func remembered(r *Run) *Run {
	record := history.RunRecord{RunID: r.ID, ToolVersion: r.ToolVersion, Verb: r.Verb, Started: r.Started, Finished: r.Finished, State: history.Finished, Files: []desired.FileInfo{{Path: "fleet.yaml"}}, Narrowed: &r.Part}
	record.SetPlan(r.Plan)
	if r.Outcome != nil {
		record.SetOutcome(r.Outcome)
	}
	return Past(PastRun{Run: history.NewRun(record)})
}

func TestHTMLAsksForNothing(t *testing.T) {
	for _, s := range scenarios {
		got := asHTML(t, s.run(t))
		for _, asks := range []string{" src=", "<link", "<iframe", "url(", "@import", "fetch(", "XMLHttp", "innerHTML", " style=", " onclick="} {
			if strings.Contains(got, asks) {
				t.Errorf("%s: the page has %q", s.name, asks)
			}
		}
		if !strings.Contains(got, html.EscapeString(page.Policy(htmlScript, false))) {
			t.Errorf("%s: the page has no policy", s.name)
		}
	}
}

// Kinds of change that are not written out are counted, all of them.
func TestHTMLCountsTheKindsThatItLeavesOut(t *testing.T) {
	for _, more := range []int{1, 2, 15} {
		r := large(t, maxGroups+more)
		for i := range r.Plan.Targets[0].Changes {
			c := &r.Plan.Targets[0].Changes[i]
			want := *c.Want
			want[desired.OnFailure] = desired.Text(fmt.Sprintf("arn:aws:sqs:eu-west-1:111111111111:%d", i))
			c.Want = &want
		}
		left := fmt.Sprintf("%s more of change, on %s: see the table below", count(more, "kind"), count(more, "config"))
		if got := asHTML(t, r); len(r.Plan.Targets[0].Changes) != maxGroups+more || !strings.Contains(got, left) {
			t.Errorf("%d changes, and not %q", len(r.Plan.Targets[0].Changes), left)
		}
	}
}

func TestHTMLHasRoomForALargeFleet(t *testing.T) {
	const most, n = 8 << 20, 100_000
	unlike := func(long int) *Run { // every change sends events elsewhere
		r := large(t, n)
		for i := range r.Plan.Targets[0].Changes {
			c := &r.Plan.Targets[0].Changes[i]
			want := *c.Want
			queue := ""
			for range long {
				queue += fmt.Sprintf("%016x", rand.Uint64())
			}
			want[desired.OnFailure] = desired.Text("arn:aws:sqs:eu-west-1:111111111111:" + queue)
			c.Want, c.Name.Function = &want, fmt.Sprintf("%016x-%06d", rand.Uint64(), i)
		}
		return r
	}
	for _, row := range []struct {
		why  string
		run  *Run
		most int
		left bool
	}{
		{"a fleet of rules", large(t, n), 1 << 20, false},
		{"every row unlike every other", unlike(1), most, false},
		{"more than there is room for is counted", unlike(8), most, true},
	} {
		got := asHTML(t, row.run)
		data, names := readRows(t, got)
		want := 0
		row.run.remarks(func(remark) { want++ })
		if len(got) > row.most || len(names)+data.Left != want || data.Left > 0 != row.left {
			t.Errorf("%s: %d bytes with %d rows, and %d left out, of %d", row.why, len(got), len(names), data.Left, want)
		}
		if said := strings.Contains(got, fmt.Sprintf("%d rows more have no room", data.Left)); said != row.left {
			t.Errorf("%s: that is said: %t", row.why, said)
		}
		t.Logf("%s: %d bytes", row.why, len(got))
	}
}

func TestAFailureStaysInARowOfItsOwn(t *testing.T) {
	for _, s := range scenarios {
		if s.name != "partial" {
			continue
		}
		r := s.run(t)
		data, _ := readRows(t, asHTML(t, r))
		failed := 0
		for i := range r.Outcome.Targets {
			for j := range r.Outcome.Targets[i].Results {
				if r.Outcome.Targets[i].Results[j].Status == reconcile.Failed {
					failed++
				}
			}
		}
		if failed == 0 || len(data.Facts) < failed {
			t.Errorf("%d rows have the facts of a call, and %d changes failed", len(data.Facts), failed)
		}
	}
}
