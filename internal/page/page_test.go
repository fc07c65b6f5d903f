package page

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

func TestNothingForeignIsMarkup(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b)
	hostile := `"><script>alert(1)</script>'&`
	w.Begin(hostile, Policy("1", false))
	w.Put(`<p title="%s">%s %d</p>`, hostile, []string{hostile}, 7)
	w.Put(`%s`, Markup("<b>ours</b>"))
	if err := w.End("1"); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	if n := strings.Count(got, "<script"); n != 1 {
		t.Errorf("%d scripts, want ours alone:\n%s", n, got)
	}
	if !strings.Contains(got, "<b>ours</b>") || !strings.Contains(got, ` 7</p>`) || strings.Contains(got, "%!") {
		t.Errorf("not as it was put:\n%s", got)
	}
}

func TestAPageAsksForNothing(t *testing.T) {
	if found := regexp.MustCompile(`(?i)url\(|@import|https?:`).FindString(style); found != "" {
		t.Errorf("the style has %q, which asks somebody for something", found)
	}
	if p := Policy("x", false); strings.Contains(p, "unsafe") || strings.Contains(p, "connect-src") {
		t.Errorf("the policy is %s", p)
	}
}

func TestNumber(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 1234567: "1,234,567"} {
		if got := Number(n); got != want {
			t.Errorf("%d is %q", n, got)
		}
	}
}

func TestPercent(t *testing.T) {
	for _, row := range []struct {
		part, of int
		want     string
	}{{0, 3, "0 %"}, {3, 3, "100 %"}, {99_999, 100_000, "99.9 %"}, {1, 100_000, "< 0.1 %"}, {1, 2, "50 %"}, {1, 8, "12.5 %"}} {
		if got := Percent(row.part, row.of); got != row.want {
			t.Errorf("%d of %d is %q, want %q", row.part, row.of, got, row.want)
		}
	}
}
