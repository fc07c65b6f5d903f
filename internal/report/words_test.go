package report

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/reconcile"
)

func TestLasting(t *testing.T) {
	for _, row := range []struct {
		d         time.Duration
		want, why string
	}{
		{0, "0s", "nothing"},
		{420 * time.Millisecond, "0.4s", "one command on one function"},
		{9960 * time.Millisecond, "10s", "rounds up without a decimal"},
		{31400 * time.Millisecond, "31s", "seconds are fine enough"},
		{59600 * time.Millisecond, "1m00s", "never 60s"},
		{88 * time.Second, "1m28s", "minutes"},
		{time.Hour - time.Millisecond, "1h00m", "never 60m"},
		{125 * time.Minute, "2h05m", "hours"},
	} {
		if got := formatDuration(row.d); got != row.want {
			t.Errorf("formatDuration(%v) = %q, want %q: %s", row.d, got, row.want, row.why)
		}
	}
}

func TestEstimatedIsNeverFinerThanASecond(t *testing.T) {
	for d, want := range map[time.Duration]string{
		74 * time.Millisecond:   "1s",
		1001 * time.Millisecond: "2s",
		31 * time.Second:        "31s",
		100 * time.Second:       "1m40s",
	} {
		if got := estimated(d); got != want {
			t.Errorf("estimated(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestGeneralise(t *testing.T) {
	for _, row := range []struct{ text, function, want, why string }{
		{"arn:aws:sqs:eu-west-1:1:orders-dlq", "orders", "arn:aws:sqs:eu-west-1:1:{function}-dlq", "a part of a name between marks is a word"},
		{"reorders-dlq, orders2", "orders", "reorders-dlq, orders2", "a part of a word is not"},
		{"orders:live orders", "orders", "{function}:live {function}", "every occurrence"},
		{"ordersorders", "orders", "ordersorders", "twice in one word is still one word"},
		{"no name here", "orders", "no name here", "nothing to do"},
		{"text", "", "text", "no function"},
	} {
		if got := template(row.text, row.function); got != row.want {
			t.Errorf("template(%q, %q) = %q, want %q: %s", row.text, row.function, got, row.want, row.why)
		}
	}
}

func TestWrapKeepsWordsWhole(t *testing.T) {
	long := strings.Repeat("x", 30)
	var b strings.Builder
	p := newPrinter(&b, &Run{}, TextOptions{})
	p.columns = 12
	p.wrapped(0, text("! "), plain, "one two "+long+"  three")
	if err := p.flush(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("! one two\n  "+long+"\n  three\n", b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestFew(t *testing.T) {
	for _, row := range []struct {
		names []string
		room  int
		want  string
		short bool
		why   string
	}{
		{[]string{"a", "b"}, 80, "a, b", false, "all fit"},
		{[]string{"aaaa", "bbbb", "cccc"}, 21, "aaaa … and 2 more", true, "the count of the rest must fit too"},
		{[]string{strings.Repeat("x", 40), "b"}, 10, strings.Repeat("x", 40) + " … and 1 more", true, "a name is never cut"},
		{[]string{"aaaa", "bbbb"}, 10, "aaaa, bbbb", false, "the last one needs no room for a count"},
	} {
		p := newPrinter(nil, &Run{}, TextOptions{})
		if got := p.few(len(row.names), func(i int) string { return row.names[i] }, row.room); got != row.want || p.short != row.short {
			t.Errorf("few(%v, %d) = %q, cut short %v, want %q, %v: %s", row.names, row.room, got, p.short, row.want, row.short, row.why)
		}
	}
}

// What could not be checked is said beside what could, for one and for many.
func TestNothingDiffersInWhatCouldBeChecked(t *testing.T) {
	gone, unread := reconcile.FindingFunctionMissing, reconcile.FindingUnreadable
	for _, row := range []struct {
		inSync   int
		findings []reconcile.FindingKind
		want     string
	}{
		{237, []reconcile.FindingKind{gone}, "Nothing differs in the 237 configs that could be checked; 1 names a function that does not exist."},
		{1, []reconcile.FindingKind{gone, gone}, "Nothing differs in the one config that could be checked; 2 name functions that do not exist."},
		{2, []reconcile.FindingKind{unread, reconcile.FindingQualifierMissing}, "Nothing differs in the 2 configs that could be checked; 1 could not be read, 1 names an alias or version that does not exist."},
		{0, []reconcile.FindingKind{unread, unread}, "No config could be checked: 2 could not be read."},
		{1, []reconcile.FindingKind{reconcile.FindingNotExamined}, "Nothing differs in the one config that could be checked; 1 was not examined."},
	} {
		target := reconcile.TargetPlan{Declared: row.inSync + len(row.findings), InSync: row.inSync}
		for _, kind := range row.findings {
			target.Findings = append(target.Findings, reconcile.Finding{Kind: kind})
		}
		r := &Run{Plan: &reconcile.Plan{Targets: []reconcile.TargetPlan{target}}}
		got := paragraph(r, func(p *printer) { p.nothingDiffers(r, r.Plan.Counts()) })
		if got = strings.Join(strings.Fields(got), " "); got != row.want {
			t.Errorf("got  %s\nwant %s", got, row.want)
		}
	}
}
