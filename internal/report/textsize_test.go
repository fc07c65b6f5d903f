package report

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// The whole list of names is written as it is found: beside the plan there is an
// index of it, and no text.
func TestTextHoldsNoSecondCopy(t *testing.T) {
	const changes, most = 30_000, 64 // bytes held for each change
	r := large(t, changes)
	g := &gauge{next: 64 << 10, base: liveHeap()}
	if err := Text(g, r, TextOptions{Full: true}); err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(r)
	if g.total < changes*len("function-000000") {
		t.Fatalf("the text has %d bytes: not every function is in it", g.total)
	}
	if g.peak > g.base+changes*most {
		t.Errorf("%d bytes for each change were live, want at most %d", (g.peak-g.base)/changes, most)
	}
	if g.largest > 64<<10 {
		t.Errorf("a single write of %d KiB: the text was gathered before it was written", g.largest>>10)
	}
}

// mixed is a run over five targets in which each of so many functions drifted in another way:
// other numbers, another queue or none, no record, and some that should be gone.
func mixed(t testing.TB, each int) *Run {
	yaml := "version: 1\ntargets:\n"
	for i := range 5 {
		yaml += fmt.Sprintf("  - {name: stage-%d, account: \"%012d\", regions: [eu-west-1]}\n", i, i+1)
	}
	yaml += `defaults:
  on_failure: arn:${partition}:sqs:${region}:${account}:async-dlq
rules:
  - name: orders never retry
    match: {functions: ["orders-*"]}
    set: {maximum_retry_attempts: 0, maximum_event_age_in_seconds: 3600}
  - name: payments are announced
    match: {functions: ["payments-*"]}
    set: {maximum_retry_attempts: 2, on_success: "arn:${partition}:events:${region}:${account}:event-bus/payments"}
  - match: {functions: ["mail-*"]}
    set: {maximum_event_age_in_seconds: 600, on_failure: "arn:${partition}:sqs:${region}:${account}:${function}-dlq"}
functions:
`
	stems, inventory := []string{"orders", "payments", "mail"}, desired.Inventory{}
	for i := range each / 50 {
		yaml += fmt.Sprintf("  - {name: old-%03d, remove: true}\n", i)
	}
	for i := range 5 {
		var names []string
		for j := range each - each/50 {
			names = append(names, fmt.Sprintf("%s-%03d", stems[j%3], j))
		}
		slices.Sort(names)
		at := desired.Target{Account: fmt.Sprintf("%012d", i+1), Region: "eu-west-1"}
		inventory[at] = desired.TargetInventory{Functions: names}
	}
	f := resolve(t, yaml, inventory)
	n := 0
	return newRun("plan", f, inAWS(f, func(at desired.Target, l *reconcile.ObservedFunction) {
		n++
		if strings.HasPrefix(l.Function, "old-") {
			holding(l, reconcile.Settings{desired.MaximumRetryAttempts: desired.Number(1)})
			return
		}
		if n%11 == 0 {
			l.Records = nil
			return
		}
		s := *l.Records[0].Settings
		if n%2 == 0 {
			s[desired.MaximumRetryAttempts] = desired.Number(1)
		}
		if n%3 == 0 {
			s[desired.MaximumEventAgeInSeconds] = desired.Number(60 * (1 + n%4))
		}
		s[desired.OnSuccess] = desired.Text("arn:aws:sns:eu-west-1:" + at.Account + ":" + l.Function)
		switch n % 5 {
		case 0:
			s[desired.OnFailure] = desired.NoDestination
		case 1:
			s[desired.OnFailure] = desired.Text("arn:aws:sqs:eu-west-1:999999999999:abroad")
		default:
			s[desired.OnFailure] = desired.Text("arn:aws:sqs:eu-west-1:" + at.Account + ":somebody-s-queue")
		}
		holding(l, s)
	}))
}

// What is approved is read on one screen, whatever there is.
func TestManyMixedChangesAreOneScreen(t *testing.T) {
	r := mixed(t, 1000)
	if n := r.Plan.Counts().Changes(); n != 5000 {
		t.Fatalf("%d changes", n)
	}
	for _, width := range []int{60, 80, 100, 200} {
		got := textBytes(t, r, TextOptions{Width: width})
		golden(t, fmt.Sprintf("mixed.%d.txt", width), got)
		if n := bytes.Count(got, []byte("\n")); n > screen {
			t.Errorf("%d lines at %d columns", n, width)
		}
	}
	// In a browser all kinds are folded into one line.
	for form, page := range map[string]string{"Markdown": asMarkdown(t, r), "HTML": sectionOf(asHTML(t, r), "groups")} {
		open, rest, _ := strings.Cut(page, "<details>")
		depth, folded := 1, 1
		for _, tag := range regexp.MustCompile(`<(/?)details( open)?>`).FindAllStringSubmatch(rest, -1) {
			if tag[1] == "/" {
				depth--
				continue
			}
			if depth++; depth == 1 {
				folded++
			}
		}
		if n := strings.Count(open, "\n"); n > screen || folded != 1 || depth != 0 {
			t.Errorf("%s has %d lines, and %d that are folded", form, n, folded)
		}
	}
	golden(t, "mixed.applied.txt", textBytes(t, applied(r, nil), TextOptions{}))
}

// sectionOf is a part of a page.
func sectionOf(document, id string) string {
	_, rest, _ := strings.Cut(document, `id="`+id+`"`)
	part, _, _ := strings.Cut(rest, "</section>")
	return part
}

// A function of the same name in another target is another one, counted and named as such.
func TestConfigsOfManyTargetsAreToldApart(t *testing.T) {
	both := []desired.Target{prod, {Account: "222222222222", Region: "eu-west-1"}}
	yaml, inventory := "version: 1\ntargets:\n", desired.Inventory{}
	for _, at := range both {
		yaml += fmt.Sprintf("  - {name: shop-%s, account: \"%s\", regions: [%s]}\n", at.Account[:1], at.Account, at.Region)
		inventory[at] = desired.TargetInventory{Functions: []string{"checkout"}}
	}
	f := resolve(t, yaml+"functions:\n  - {name: checkout, maximum_retry_attempts: 0}\n", inventory)
	r := newRun("plan", f, inAWS(f, func(_ desired.Target, l *reconcile.ObservedFunction) { l.Records = nil }))
	var b bytes.Buffer
	p := newPrinter(&b, r, TextOptions{})
	p.detail.wishes, p.detail.names = 10, true
	p.kinds(newChangeSet(r.toMake()), "")
	p.w.Flush()
	got := b.String()
	for _, want := range []string{"2 functions in 2 targets", prod.String() + "/checkout", both[1].String() + "/checkout"} {
		if !strings.Contains(got, want) {
			t.Errorf("nothing says %q:\n%s", want, got)
		}
	}
}

// drawLarge is a run with up to 5,000 changes and as many of everything else as there can be.
func drawLarge(t *rapid.T) *Run {
	r := &Run{ID: "id", Verb: "plan", Started: started, Surveyed: started, Finished: started.Add(time.Minute), Plan: &reconcile.Plan{}, Fleet: FleetInfo{Files: []string{"fleet.yaml"}}}
	targets, changes := rapid.SampledFrom([]int{1, 2, 40}).Draw(t, "targets"), rapid.SampledFrom([]int{0, 1, 10, 100, 400, 5000}).Draw(t, "changes")
	values, kinds := rapid.IntRange(1, 200).Draw(t, "values"), rapid.SampledFrom([]int{0, 1, 2, 12}).Draw(t, "findings of a kind")
	random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	settings := func() (s desired.Config) {
		s[desired.MaximumRetryAttempts] = desired.Number(random.IntN(3))
		s[desired.MaximumEventAgeInSeconds] = desired.Number(60 + random.IntN(values))
		s[desired.OnFailure] = desired.Text(fmt.Sprintf("arn:aws:sqs:eu-west-1:111111111111:queue-%d", random.IntN(values)))
		if random.IntN(2) == 0 {
			s[desired.OnFailure] = desired.NoDestination
		}
		return s
	}
	for i := range targets {
		plan := reconcile.TargetPlan{Target: desired.Target{Account: fmt.Sprintf("%012d", i), Region: "eu-west-1"}, Label: "stage", InSync: 1}
		api := TargetAPI{Target: plan.Target}
		api.Limiter.Rate = float64(1 + random.IntN(20))
		r.API = append(r.API, api)
		missed := insight.Unsearched{Target: plan.Target, Reached: started}
		for j := range changes / targets {
			c := reconcile.Change{Name: desired.Name{Function: fmt.Sprintf("function-%04d", j), Qualifier: desired.Latest}, Action: reconcile.Action(1 + random.IntN(4))}
			want, before := settings(), reconcile.NewSettings(settings())
			if c.Want = &want; c.Action != reconcile.Create && (c.Action != reconcile.Restore || j%2 == 0) {
				c.Before = &before
			}
			key := desired.Key{Target: plan.Target, Name: c.Name}
			if random.IntN(4) == 0 && kinds > 0 {
				who := author(fmt.Sprintf("user-%d", random.IntN(kinds)))
				r.Insights.Authors = append(r.Insights.Authors, insight.Authorship{Key: key, Author: who, At: started.Add(-time.Hour)})
				r.Insights.Drifting = append(r.Insights.Drifting, insight.Drifting{Key: key, Since: started.Add(-time.Duration(random.IntN(1000)) * time.Hour)})
				r.Insights.Fights = append(r.Insights.Fights, insight.Fight{Key: key, Author: who, Times: 3, Since: started})
			} else if random.IntN(3) == 0 && kinds > 0 {
				missed.Configs = append(missed.Configs, c.Name)
			}
			plan.Changes = append(plan.Changes, c)
		}
		for j := range kinds {
			for kind := reconcile.FindingUnreadable; kind <= reconcile.FindingLatestOnly; kind++ {
				name := desired.Name{Function: fmt.Sprintf("%v-%04d", kind, j), Qualifier: desired.Latest}
				f := reconcile.Finding{Name: name, Kind: kind}
				if kind == reconcile.FindingUnreadable {
					f.Err = denied(desired.Name{Function: fmt.Sprint("f", random.IntN(3))}, j)
				}
				plan.Findings = append(plan.Findings, f)
			}
			plan.Ignored = append(plan.Ignored, desired.Ignored{Name: desired.Name{Function: fmt.Sprintf("ignored-%04d", j), Qualifier: desired.Latest}})
			plan.Unjudged = append(plan.Unjudged, reconcile.Unjudged{Function: "f", Err: denied(desired.Name{Function: "f"}, j)})
			plan.Breaches = append(plan.Breaches, reconcile.Breach{Name: desired.Name{Function: "f"}, Requirement: &desired.Requirement{}, Violation: desired.Violation{Message: fmt.Sprint("it is ", j)}, Now: true, Planned: true})
		}
		if missed.Configs != nil {
			r.Insights.Unsearched = append(r.Insights.Unsearched, missed)
		}
		plan.Declared = plan.InSync + len(plan.Changes) + len(plan.Findings)
		if random.IntN(3) == 0 && kinds > 0 {
			plan.Err, plan.Unknown = denied(desired.Name{Function: "f"}, 1), random.IntN(2) == 0
		}
		r.Plan.Targets = append(r.Plan.Targets, plan)
	}
	for i := range kinds {
		r.Insights.Destinations = append(r.Insights.Destinations, insight.Destination{ARN: fmt.Sprint("arn:aws:sqs:eu-west-1:111111111111:gone-", i), State: insight.DestinationMissing, Uses: []insight.DestinationUse{{Setting: desired.OnFailure}}})
		r.Insights.Unavailable = append(r.Insights.Unavailable, insight.Unavailable{What: "who made it so", Err: denied(desired.Name{Function: "f"}, i)})
		r.Warnings = append(r.Warnings, desired.Problem{Pos: desired.Pos{File: "fleet.yaml"}, Code: "EI031", Message: "something is odd", Hint: "see to it"})
	}
	if rapid.Bool().Draw(t, "applied") {
		applied(r, func(result *reconcile.ChangeResult) {
			switch random.IntN(4) {
			case 0:
				result.Status, result.Err = reconcile.Failed, refusedDestination(result.Name, random.IntN(9))
			case 1:
				result.Status = reconcile.NotAttempted
			}
		})
	} else {
		r.Guard = reconcile.Guard{Limits: desired.DefaultLimits()}.Lines(r.Plan)
		r.Refused = guardRefuses(reconcile.Guard{Limits: desired.DefaultLimits()}, r.Plan)
	}
	return r
}

// Whatever a run came to, it is told on one screen, and no risk is hidden without its number.
func TestAnyRunIsOneScreen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawLarge(t)
		width := rapid.IntRange(minColumns, maxColumns).Draw(t, "width")
		var b bytes.Buffer
		if err := Text(&b, r, TextOptions{Width: width}); err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(b.Bytes(), []byte("\n")); n > screen {
			t.Fatalf("%d lines at %d columns:\n%s", n, width, b.String())
		}
		head, _, _ := strings.Cut(b.String(), "\n\n")
		head = strings.Join(strings.Fields(head), " ")
		said := func(n int, what string) {
			if what = strings.Replace(what, "*", map[bool]string{false: "s"}[n == 1], 1); n > 0 && !strings.Contains(head, fmt.Sprintf("%d %s", n, what)) {
				t.Fatalf("the head does not say %d %s:\n%s", n, what, b.String())
			}
		}
		risks, c := risksOf(r), r.Plan.Counts()
		said(risks[losesEvents], "may lose events")
		said(risks[mayRunTwice], "may run events twice")
		said(c.MissingFunctions, "config* with no function")
		said(c.Unreadable, "config* not read")
		said(c.Breaches, map[bool]string{true: "breach", false: "breaches"}[c.Breaches == 1]+" of a requirement")
		said(len(r.Insights.Fights), "config* fought over")
		if _, who, told := strings.Cut(head, "Who: "); told { // the numbers add up to all of it
			sum := 0
			for _, part := range strings.Split(who, ", ") {
				n := 0
				fmt.Sscan(part, &n)
				sum += n
			}
			if sum != c.Changes() {
				t.Fatalf("%d of %d changes are accounted for: %s\n%s", sum, c.Changes(), who, b.String())
			}
		} else if n := len(r.Insights.Authors); n > 1 || n == 1 && !strings.Contains(b.String(), r.Insights.Authors[0].Author.String()) {
			t.Fatalf("nothing says who made it so:\n%s", b.String())
		}
		if len(r.Plan.Targets) == 1 && r.Outcome == nil && c.Changes() > 0 {
			sum := listed(some(c.Creates, "to create"), some(c.Updates, "to change"), some(c.Deletes, "to delete"))
			if !strings.Contains(strings.Join(strings.Fields(b.String()), " "), ": "+sum+"; ") {
				t.Fatalf("the changes do not add up to %s:\n%s", sum, b.String())
			}
		}
		if r.Outcome != nil {
			said(r.Outcome.Counts().Failed, "config* failed")
		}
		if text := strings.Join(strings.Fields(b.String()), " "); r.Refused != nil && r.Outcome == nil && !strings.Contains(text, "! "+r.Refused.Error()) {
			t.Fatalf("it is not said that the plan is refused: %v\n%s", r.Refused, b.String())
		}
	})
}

// What is agreed to is seen: where there is not room for everything, names and what was found give
// way before a value that configs are to have, and of too many values those of the fewest configs.
func TestNoNewValueGivesWay(t *testing.T) {
	wishes := func(r *Run) []wish {
		var all []located
		for _, at := range r.toMake() {
			all = append(all, at.changes...)
		}
		return wishesOf(all)
	}
	many := mixed(t, 100)
	if authored(many); len(wishes(many)) < 8 {
		t.Fatalf("%d values", len(wishes(many)))
	}
	for width := minColumns; width <= maxColumns; width += 10 {
		got := strings.Join(strings.Fields(string(textBytes(t, many, TextOptions{Width: width}))), "")
		for _, w := range wishes(many) {
			if !strings.Contains(got, strings.Join(strings.Fields(w.after), "")) {
				t.Errorf("%v → %s is not shown at %d columns", w.setting, w.after, width)
			}
		}
	}
	if !slices.IsSortedFunc(wishes(many), func(a, b wish) int {
		return cmp.Or(b.deletes()-a.deletes(), len(b.changes)-len(a.changes))
	}) {
		t.Error("a value of few configs comes before one of many, or before a delete")
	}
}

// Runs of which there is most to say, at the narrowest: each once took more than a screen.
func TestTheLongestRunsAreOneScreen(t *testing.T) {
	for _, seed := range []int{13, 22, 181, 190, 365} {
		got := textBytes(t, rapid.Custom(drawLarge).Example(seed), TextOptions{Width: minColumns})
		if n := bytes.Count(got, []byte("\n")); n > screen {
			t.Errorf("%d lines\n%s", n, got)
		}
	}
}

// A path that is longer than the line is cut in its middle, and never by the terminal: whoever
// reads it sees in which file and at which line to look.
func TestTextCutsLongPathsInTheirMiddle(t *testing.T) {
	const deep = "/home/runner/jobs/platform-infrastructure/teams/payments/lambda-event-invoke/"
	for _, row := range []struct {
		why, path string
		width     int
		ascii     bool
		want      string
	}{
		{"the nearest folders tell most", deep + "production/fleet.yaml", 60, false, "/home/…/production/fleet.yaml:"},
		{"more of them where there is room", deep + "production/fleet.yaml", 100, false, "/home/runner/jobs/…/teams/payments/lambda-event-invoke/production/fleet.yaml:"},
		{"in ASCII", deep + "production/fleet.yaml", 60, true, "/home/.../production/fleet.yaml:"},
		{"relative", "live/" + deep[1:] + "fleet.yaml", 60, false, "live/home/…/fleet.yaml:"},
		{"wide characters take two columns", "/設定/" + strings.Repeat("支払い/", 9) + "本番/艦隊.yaml", 60, false, "/設定/…/支払い/支払い/本番/艦隊.yaml:"},
		{"and more in ASCII", "/設定/" + strings.Repeat("支払い/", 9) + "prod/fleet.yaml", 60, true, "/.../prod/fleet.yaml:"},
		{"folders with spaces", "/Users/me/" + strings.Repeat("My Documents/", 5) + "fleet.yaml", 60, false, "/Users/me/…/My Documents/fleet.yaml:"},
		{"one that fits is left alone", "/srv/fleets/orders/fleet.yaml", 60, false, "/srv/fleets/orders/fleet.yaml:"},
		{"no terminal, no cut", deep + "production/fleet.yaml", 0, false, deep + "production/fleet.yaml:"},
	} {
		for _, name := range []string{"drift", "missing"} { // beside settings, and beside names
			r := scenarioOf(t, name)
			from(r, "fleet.yaml", row.path)
			got := string(textBytes(t, r, TextOptions{Width: row.width, ASCII: row.ascii, Full: true}))
			at := row.want
			if !strings.Contains(got, at) {
				t.Errorf("%s: %s does not say %s\n%s", row.why, name, at, got)
			}
			for line := range strings.Lines(got) {
				if w := cells.StringWidth(strings.TrimRight(line, "\n")); row.width > 0 && w > row.width && strings.Contains(line, ".yaml") {
					t.Errorf("%s: %s has a line of %d columns: %s", row.why, name, w, line)
				}
			}
		}
	}
}

// from moves what a run was declared by to another file.
func from(r *Run, old, path string) {
	move := func(o *desired.Origin) {
		if o.File == old {
			o.File = path
		}
	}
	r.Fleet.Files = []string{path, "more.yaml"} // which share no folder
	for i := range r.Plan.Targets {
		t := &r.Plan.Targets[i]
		moved := func(o *desired.Origins) *desired.Origins {
			if o == nil {
				return nil
			}
			n := *o
			move(&n.Entry)
			for j := range n.Settings {
				move(&n.Settings[j])
			}
			return &n
		}
		for j := range t.Changes {
			t.Changes[j].Origins = moved(t.Changes[j].Origins)
		}
		for j := range t.Findings {
			t.Findings[j].Origins = moved(t.Findings[j].Origins)
		}
	}
}
