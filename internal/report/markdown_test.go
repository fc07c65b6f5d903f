package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

func asMarkdown(t interface{ Fatal(...any) }, r *Run) string {
	var b bytes.Buffer
	if err := Markdown(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMarkdown(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			r := s.run(t)
			got := asMarkdown(t, r)
			golden(t, s.name+".md", []byte(got))
			later := s.run(t)
			later.ID, later.Started, later.Finished, later.API = "20260302T030000Z-0000", r.Started.Add(time.Hour), r.Finished.Add(2*time.Hour), nil
			if diff := cmp.Diff(got, asMarkdown(t, later)); diff != "" {
				t.Errorf("the same plan an hour later differs:\n%s", diff)
			}
		})
	}
}

func TestMarkdownFitsAComment(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRun(t)
		stuffing := strings.Repeat(rapid.SampledFrom([]string{"x", "```", "注", "</details>\n"}).Draw(t, "stuffing"), rapid.IntRange(0, 40_000).Draw(t, "times"))
		r.Stopped = stuffing
		for i := range r.Plan.Targets {
			r.Plan.Targets[i].Label += stuffing
		}
		if got := asMarkdown(t, r); len(got) >= maxMarkdown {
			t.Fatalf("%d bytes", len(got))
		}
	})
	got := asMarkdown(t, large(t, 5000))
	if len(got) >= maxMarkdown || !strings.Contains(got, "on 5000 functions") && !strings.Contains(got, "There is no room here") {
		t.Errorf("%d bytes, and they neither hold nor count what changes", len(got))
	}
}

// Who approves a plan sees which functions it touches: all where they have room, and else as many as
// have, counted beside. The largest kinds are cut, and all to one number of names.
func TestMarkdownNamesWhatHasRoom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRun(t)
		r.Outcome = nil
		got := asMarkdown(t, r)
		words := map[string]bool{}
		for _, word := range strings.FieldsFunc(got, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' }) {
			words[word] = true
		}
		for i := range r.Plan.Targets {
			for _, c := range r.Plan.Targets[i].Changes {
				if !words[c.Function] {
					t.Fatalf("%s is not named, and %d bytes are left:\n%s", c.Function, maxMarkdown-len(got), got)
				}
			}
		}
	})
	for _, n := range []int{3000, 20_000} {
		got := asMarkdown(t, large(t, n))
		named := 0
		for i := range n {
			if strings.Contains(got, fmt.Sprintf("function-%06d", i)) {
				named++
			}
		}
		_, counted, cut := strings.Cut(got, " … and ")
		if len(got) >= maxMarkdown || cut && (len(got) < maxMarkdown-1000 || !strings.HasPrefix(counted, fmt.Sprint(n-named, " more"))) || cut != (n > 3000) {
			t.Errorf("%d bytes of %d name %d of %d, and %.20s", len(got), maxMarkdown, named, n, counted)
		}
	}
	even := large(t, 10_000)
	for i := range even.Plan.Targets[0].Changes { // of three kinds: one function, a tenth, the rest
		c := &even.Plan.Targets[0].Changes[i]
		want := *c.Want
		switch {
		case i == 5000:
			want[desired.MaximumEventAgeInSeconds] = desired.Number(60)
		case i%10 == 0:
			want[desired.MaximumEventAgeInSeconds] = desired.Number(90)
		}
		c.Want = &want
	}
	if got := asMarkdown(t, even); len(got) >= maxMarkdown || strings.Count(got, " … and ") != 1 {
		t.Errorf("%d bytes; %d kinds are cut, want the largest alone", len(got), strings.Count(got, " … and "))
	}
}

// Where there is no room for all, no target's deletes give way to another's updates.
func TestMarkdownShowsDeletesFirst(t *testing.T) {
	r := mixed(t, 1000)
	got := asMarkdown(t, r)
	if len(got) >= maxMarkdown || !strings.Contains(got, "There is no room here for ") {
		t.Fatalf("%d bytes, and all of it has room", len(got))
	}
	shown := 0
	for _, at := range r.toMake() {
		for _, group := range blocks(at.changes) {
			if group.action != reconcile.Delete {
				continue
			}
			if summary := where(at.label, at.Target) + ": delete, " + count(len(group.changes), "config"); !strings.Contains(got, summary) {
				t.Errorf("%q has no room", summary)
			}
			shown += len(group.changes)
		}
	}
	if want := r.Plan.Counts().Deletes; shown != want || want != 100 {
		t.Errorf("%d deletes, want %d", shown, want)
	}
	one := large(t, 3)
	one.Plan.Targets[0].Label = strings.Repeat("x", maxMarkdown)
	if got, want := asMarkdown(t, one), "\nThere is no room here for 1 more kind of change, on 3 configs.\n"; !strings.HasSuffix(got, want) {
		t.Errorf("it does not end in %q: %q", want, got[max(0, len(got)-200):])
	}
}

func TestRisk(t *testing.T) {
	queue := desired.Text(dlq)
	for _, row := range []struct {
		setting       desired.Setting
		before, after desired.Value
		want          risk
	}{
		{desired.MaximumRetryAttempts, desired.Value{}, desired.Number(0), losesEvents},
		{desired.MaximumRetryAttempts, desired.Number(0), desired.Number(1), mayRunTwice},
		{desired.MaximumRetryAttempts, desired.Value{}, desired.Number(2), noRisk},
		{desired.MaximumEventAgeInSeconds, desired.Value{}, desired.Number(60), losesEvents},
		{desired.MaximumEventAgeInSeconds, desired.Number(60), desired.Number(3600), mayRunTwice},
		{desired.OnFailure, queue, desired.NoDestination, losesEvents},
		{desired.OnFailure, queue, desired.Text("arn:aws:sqs:eu-west-1:111111111111:other"), noRisk},
		{desired.OnFailure, desired.Value{}, queue, noRisk},
		{desired.OnSuccess, queue, desired.NoDestination, noRisk},
	} {
		var had reconcile.Settings
		had[row.setting] = row.before
		var want desired.Config
		want[row.setting] = row.after
		c := reconcile.Change{Action: reconcile.Update, Before: &had, Want: &want}
		if got := riskOf(&c); got != row.want {
			t.Errorf("%v from %v to %v: risk %d, want %d", row.setting, row.before, row.after, got, row.want)
		}
	}
}
