package adopt

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// TestAfterAdoptingThePlanIsEmpty is what adopt promises, over files in every style:
// the adopted configs are in sync, all others are declared as before, and the bytes
// that had nothing to do with it are the same.
func TestAfterAdoptingThePlanIsEmpty(t *testing.T) {
	refused, adopted := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		c := drawCase(t)
		in, err := c.input()
		if err != nil {
			t.Skip("not a right file")
		}
		before, err := in.Document.Resolve(c.ambient, c.world, desired.Selection{})
		if err != nil {
			t.Skip("not a right file")
		}
		in.Plan = reconcile.NewPlan(before, in.Observed)
		result, err := Patch(in)
		if err != nil {
			t.Fatal(err)
		}
		after := maps.Clone(c.files)
		for _, f := range result.Files {
			after[f.Path] = f.After
		}
		show := func() string {
			var b strings.Builder
			for _, f := range result.Files {
				b.Write(f.Diff())
			}
			if b.Len() == 0 {
				for path, text := range c.files {
					fmt.Fprintf(&b, "%s:\n%s", path, text)
				}
			}
			return b.String()
		}
		document, err := load(after)
		if err != nil {
			t.Fatalf("%v\n%s", err, show())
		}
		fleet, err := document.Resolve(c.ambient, c.world, desired.Selection{})
		if err != nil {
			t.Fatalf("%v\n%s", err, show())
		}
		adopted += len(result.Adopted)
		refused += len(result.Refused)
		for _, r := range result.Refused {
			if strings.Contains(r.Err.Error(), "EI062") {
				continue // remove hid that the rules of two files disagree about it
			}
			if !strings.Contains(r.Err.Error(), "anchor") || !regexp.MustCompile(`yaml:\d+: `).MatchString(r.Err.Error()) {
				t.Fatalf("%s was refused: %v\n%s", r.Key, r.Err, show())
			}
		}
		left := map[desired.Key]bool{}
		for _, r := range result.Refused {
			left[r.Key] = true
		}
		for _, target := range reconcile.NewPlan(fleet, c.observed).Targets {
			for _, change := range target.Changes {
				if key := (desired.Key{Target: target.Target, Name: change.Name}); !left[key] {
					t.Fatalf("%s still differs: %s\n%s", key, change.Action, show())
				}
			}
		}
		others(t, before, fleet, result.Adopted, show)
		for _, f := range result.Files {
			checkBytes(t, f)
		}
	})
	t.Logf("%d configs adopted, %d refused", adopted, refused)
	if refused*20 > adopted {
		t.Errorf("%d configs of %d were refused", refused, adopted+refused)
	}
}

// others holds what was not adopted against what it was.
func others(t *rapid.T, before, after desired.Fleet, adopted []desired.Key, show func() string) {
	say := func(f desired.Fleet) map[desired.Key]string {
		said := map[desired.Key]string{}
		for _, target := range f.Targets {
			for _, e := range target.Entries {
				said[desired.Key{Target: target.Target, Name: e.Name}] = fmt.Sprint(*e.Want, e.Remove)
			}
		}
		for _, k := range adopted {
			delete(said, k)
		}
		return said
	}
	if was, is := say(before), say(after); !maps.Equal(was, is) {
		t.Fatalf("other configs changed: %v\n%v\n%s", was, is, show())
	}
}

var (
	note    = regexp.MustCompile(`# note \d+[^\r\n]*`)
	touched = regexp.MustCompile(`maximum_|on_success|on_failure|name|targets|remove|functions|qualifier|\}|^\s*- \w+\r?$`)
)

// checkBytes finds bytes that an adoption had no business with.
func checkBytes(t *rapid.T, f File) {
	if was, is := note.FindAll(f.Before, -1), note.FindAll(f.After, -1); !slices.EqualFunc(was, is, bytes.Equal) {
		t.Fatalf("comments changed:\n%s", f.Diff())
	}
	if bytes.HasPrefix(f.Before, byteOrderMark) != bytes.HasPrefix(f.After, byteOrderMark) {
		t.Fatalf("the byte order mark changed:\n%s", f.Diff())
	}
	if windows := bytes.Contains(f.Before, []byte("\r\n")); windows && bytes.Count(f.After, []byte("\n")) != bytes.Count(f.After, []byte("\r\n")) {
		t.Fatalf("line ends changed: %q", f.After)
	}
	end := "\n"
	if bytes.Contains(f.Before, []byte("\r\n")) {
		end = "\r\n"
	}
	ended := File{f.Path, append(bytes.Clone(f.Before), end...), append(bytes.Clone(f.After), end...)}
	for _, line := range strings.Split(string(ended.Diff()), "\n") {
		if text, gone := strings.CutPrefix(line, "-"); gone && !strings.HasPrefix(text, "--") && !touched.MatchString(text) && strings.TrimSpace(note.ReplaceAllString(text, "")) != "" {
			t.Fatalf("line %q changed:\n%s", text, f.Diff())
		}
	}
}
