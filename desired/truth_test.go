package desired

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/internal/fswait"
)

// Two files disagree when the last rule of each says something else, in whatever
// order files and rules stand.
func TestFilesDisagreeWhereTheirWinnersDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		files := rapid.IntRange(1, 4).Draw(t, "files")
		fsys := fstest.MapFS{}
		winners := map[string]map[int]int{} // by function: what each file says in the end
		for _, name := range []string{"b-1", "b-2", "a-1"} {
			winners[name] = map[int]int{}
		}
		for i := range files {
			var b strings.Builder
			b.WriteString("version: 1\nrules:\n")
			for range rapid.IntRange(1, 3).Draw(t, "rules") {
				pattern := rapid.SampledFrom([]string{"*", "b-*", "*-1", "a-*"}).Draw(t, "pattern")
				retries := rapid.IntRange(0, 2).Draw(t, "retries")
				fmt.Fprintf(&b, "  - { match: { functions: [%q] }, set: { maximum_retry_attempts: %d } }\n", pattern, retries)
				for name := range winners {
					if ok := map[string]bool{"*": true, "b-*": name[0] == 'b', "*-1": name[2] == '1', "a-*": name[0] == 'a'}[pattern]; ok {
						winners[name][i] = retries
					}
				}
			}
			fsys[fmt.Sprintf("f%d.yaml", i)] = &fstest.MapFile{Data: []byte(b.String())}
		}
		disagree := false
		for _, by := range winners {
			seen := map[int]bool{}
			for _, retries := range by {
				seen[retries] = true
			}
			disagree = disagree || len(seen) > 1
		}
		d, err := Load(fsys, ".")
		if err == nil {
			_, err = d.Resolve(east, Inventory{east: found("a-1", "b-1", "b-2")}, Selection{})
		}
		conflict := err != nil && strings.Contains(err.Error(), codeRuleConflict)
		if conflict != disagree {
			t.Fatalf("a conflict is reported: %v, and there is one: %v\n%v\n%v", conflict, disagree, fsys, err)
		}
	})
}

// A share is counted exactly, as with pencil and paper.
func TestSharesAreExact(t *testing.T) {
	if got := (Limit{Share: true, Percent: 18.4}).Allowed(375); got != 69 {
		t.Errorf("18.4 %% of 375 is %d, want 69", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		thousandths := rapid.IntRange(0, 100_000).Draw(t, "percent")
		total := rapid.IntRange(0, 1_000_000).Draw(t, "total")
		want := new(big.Int).Div(new(big.Int).Mul(big.NewInt(int64(thousandths)), big.NewInt(int64(total))), big.NewInt(100_000))
		if got := (Limit{Share: true, Percent: float64(thousandths) / 1000}).Allowed(total); int64(got) != want.Int64() {
			t.Fatalf("%d/1000 %% of %d is %d, want %v", thousandths, total, got, want)
		}
	})
}

// pipes are files of which one is a pipe that nobody ever writes to.
type pipes struct{ fstest.MapFS }

type pipe struct{ fs.FileInfo }

func (pipe) Mode() fs.FileMode { return fs.ModeNamedPipe }

func (p pipes) Stat(name string) (fs.FileInfo, error) {
	if strings.Contains(name, "hung") {
		time.Sleep(time.Hour)
	}
	info, err := p.MapFS.Stat(name)
	if err == nil && strings.Contains(name, "pipe") {
		return pipe{info}, nil
	}
	return info, err
}

func (p pipes) Open(name string) (fs.File, error) {
	if strings.Contains(name, "pipe") {
		time.Sleep(time.Hour) // as opening a pipe without a writer does, for ever
	}
	return p.MapFS.Open(name)
}

// In folders and patterns only regular files count. A pipe that was named is waited
// for, and not for ever.
func TestAPipeAmongTheFleetFiles(t *testing.T) {
	const fleet = "version: 1\nfunctions: [{ name: orders, maximum_retry_attempts: 0 }]\n"
	synctest.Test(t, func(t *testing.T) {
		fsys := pipes{fstest.MapFS{"fleet/a.yaml": {Data: []byte(fleet)}, "fleet/pipe.yaml": {Mode: fs.ModeNamedPipe}}}
		for _, path := range []string{"fleet", "fleet/*.yaml"} {
			d, err := Load(fsys, path)
			if err != nil || !slices.ContainsFunc(d.Files(), func(f FileInfo) bool { return f.Path == "fleet/a.yaml" }) || len(d.Files()) != 1 {
				t.Errorf("%s: %v", path, err)
			}
		}
		began := time.Now()
		_, err := Load(fsys, "fleet/pipe.yaml")
		if err == nil || !strings.Contains(err.Error(), "was not read to its end within 1m0s") || time.Since(began) > 2*fswait.Timeout {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		// The reader left behind ends while the race detector, which forgets, still knows who gave up.
		time.Sleep(2 * time.Hour)
		// Nor is a file system that does not answer, be it asked for a file or for a folder.
		for _, path := range []string{"hung/a.yaml", "hung", "hung/*.yaml"} {
			ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Second, errors.New("interrupted"))
			began := time.Now()
			_, err := Loader{Context: ctx}.Load(fsys, path)
			if cancel(); err == nil || !strings.Contains(err.Error(), "cannot be read: interrupted") || time.Since(began) != 5*time.Second {
				t.Errorf("%s after %s: %v", path, time.Since(began), err)
			}
			if _, err := Load(fsys, path); err == nil || !strings.Contains(err.Error(), "check its mount") {
				t.Errorf("%s: %v", path, err)
			}
		}
		time.Sleep(100 * time.Hour) // until the readers left behind are gone
	})
}

func TestWhatYAMLErrorsSay(t *testing.T) {
	for _, row := range []struct{ why, yaml, want string }{
		{"a tab is called a tab", "version: 1\nfunctions:\n\t- name: orders\n", "3:1: EI009 the file is not YAML: a tab indents this line"},
		{"a wrong indentation is where it is", "version: 1\nfunctions:\n  - name: orders\n     maximum_retry_attempts: 0\n", ":4:"},
		{"a control character is where it is", "version: 1\nfunctions:\n  - name: orders\n    # é\n    maximum_retry_attempts: 0 # \a\n", "5:33: EI009 the file is not YAML: the control character U+0007 is here; take it out"},
		{"of two bytes too", "version: 1\r\n# é\u0081\n", "2:4: EI009 the file is not YAML: the control character U+0081 is here"},
		{"a NUL byte is one", "version: 1\nfunctions:\n  - name: or\x00ders\n", "3:13: EI012 a NUL byte is here, which no text has"},
		{"behind another too", "# \a\n\x00", "2:1: EI012 a NUL byte"},
		{"a letter that looks like another is named", "version: 1\nfunctions:\n  - name: \u043erders\n    maximum_retry_attempts: 0\n", "EI030 \"\u043erders\" is not a function name: it has \"\u043e\" (U+043E); use letters"},
		{"in a qualifier too", "version: 1\nfunctions:\n  - name: orders:l\u0456ve\n    maximum_retry_attempts: 0\n", "it has \"\u0456\" (U+0456); use an alias"},
		{"and not where its block began", "version: 1\nfunctions:\n  - name: orders\n    maximum_retry_attempts: 0\n   on_failure: none\n", ":5:"},
	} {
		_, err := Loader{Stdin: strings.NewReader(row.yaml)}.LoadFiles("-")
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v", row.why, err)
		}
	}
	if _, err := LoadFiles("nothere.yaml"); err == nil || !strings.HasPrefix(err.Error(), "nothere.yaml: EI011 no such file") {
		t.Errorf("a missing file: %v", err)
	}
}

// A wrong region is not blamed on the file.
func TestNothingChosenNamesWhereAndHowMany(t *testing.T) {
	d := mustLoad(t, oneFile("version: 1\nrules: [{ match: { functions: [\"orders-*\"] }, set: { maximum_retry_attempts: 0 } }]\n"))
	_, err := d.Resolve(east, Inventory{east: found("a", "b")}, Selection{})
	for _, part := range []string{"2 in " + east.String(), "fleet.yaml:2 rules[0]", "check the account and region first"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %q", err, part)
		}
	}
}

// A tag value may be a pattern, for which AWS is asked by key: it searches for whole
// values only.
func TestTagValuesArePatterns(t *testing.T) {
	d := mustLoad(t, oneFile("version: 1\nrules: [{ match: { tags: { team: \"pay*\", tier: \"?.x\" } }, set: { maximum_retry_attempts: 0 } }]\n"))
	if got := d.Discoveries(east, Selection{})[0].Tags; !reflect.DeepEqual(got, [][]Tag{{{Key: "team"}, {Key: "tier"}}}) {
		t.Errorf("AWS is asked for %v", got)
	}
	inv := found("a", "b", "c", "d", "e")
	inv.Tags = map[string]map[string]string{
		"a": {"team": "payments", "tier": "1.x"},
		"b": {"team": "pay", "tier": "1-x"}, // a dot is a dot
		"c": {"team": "repay", "tier": "1.x"},
		"d": {"team": "pay/eu", "tier": "2.x"}, // a star is any text
		"e": {"team": "payments"},
	}
	if got := lines(mustResolve(t, d, east, Inventory{east: inv})); len(got) != 2 || !strings.Contains(got[0], " a ") || !strings.Contains(got[1], " d ") {
		t.Errorf("chosen are\n%s", strings.Join(got, "\n"))
	}
}

// Every single pattern has to do something, not only the whole selector.
func TestPatternsWithoutEffect(t *testing.T) {
	const head, tail = "version: 1\nrules:\n  - match: { ", " }\n    set: { maximum_retry_attempts: 0 }\n"
	for _, row := range []struct{ why, yaml, want string }{
		{"all of them choose", head + `functions: ["a-*", "b-*"]` + tail, ""},
		{"one of two patterns is misspelt", head + `functions: ["a-*", "bb-*"]` + tail, `fleet.yaml:3:33: EI066 without effect: the pattern "bb-*" under functions`},
		{"an exclude that leaves out what nobody chose", head + `functions: ["a-*"], exclude: ["b-*"]` + tail, `the pattern "b-*" under exclude: it leaves out no function that would be chosen`},
		{"an exclude that leaves out a function", head + `functions: ["a-*"], exclude: ["a-2"]` + tail, ""},
		{"values of a tag that functions have", head + `tags: { tier: [gold, silver] }` + tail, ""},
		{"a value of a tag that no function has", head + `tags: { tier: [gold, glod] }` + tail, `fleet.yaml:3:35: EI066 without effect: the value "glod" of the tag "tier": no function that is chosen has it`},
		{"a value of a tag that only other functions have", head + `functions: ["a-*"], tags: { tier: [gold, lead] }` + tail, `the value "lead" of the tag "tier"`},
		{"tags under exclude that leave out a function", head + `functions: ["a-*"], exclude: { tags: { old: "*" } }` + tail, ""},
		{"tags under exclude that leave out nothing", head + `functions: ["a-*"], exclude: { functions: [a-2], tags: { tier: lead } }` + tail, `the value "lead" of the tag "tier" under exclude: it leaves out no function that would be chosen`},
		{"one of several values under exclude", head + `functions: ["a-*"], exclude: { tags: { old: "*", tier: [gold, lead] } }` + tail, `the value "lead" of the tag "tier" under exclude`},
		{"a pattern of ignore", head + `functions: ["a-*"]` + tail + "ignore: [{ functions: [a-2, a-3] }]\n", `the pattern "a-3" under functions`},
	} {
		d := mustLoad(t, oneFile(row.yaml))
		inv := found("a-1", "a-2", "b-1")
		inv.Tags = map[string]map[string]string{"a-1": {"tier": "gold", "old": "yes"}, "a-2": {"tier": "silver"}, "b-1": {"tier": "lead"}}
		got := mustResolve(t, d, east, Inventory{east: inv}).Warnings.Error()
		if (row.want == "" && got != "") || !strings.Contains(got, row.want) {
			t.Errorf("%s: warnings are %q, want %q", row.why, got, row.want)
		}
	}
	d := mustLoad(t, oneFile("version: 1\nfunctions: [{ name: orders, maximum_retry_attempts: 0 }]\nignore: [{ functions: [x] }]\n"))
	if got := mustResolve(t, d, east, nil).Warnings.Error(); !strings.Contains(got, "there are no rules") {
		t.Errorf("without rules nothing can be ignored, which needs no functions to be known: %q", got)
	}
}

func TestMisspeltRegions(t *testing.T) {
	for region, want := range map[string]string{
		"eu-wset-1":  "EI068 no region called eu-wset-1 is known; did you mean eu-west-1?",
		"us-east":    "EI021 an item of regions \"us-east\" is not a region; did you mean us-east-1?",
		"eu_west_1":  "did you mean eu-west-1?",
		"eu-west-9":  "", // a number that is new
		"zz-moon-1":  "", // a name that is new
		"us-east-1":  "",
		"eu-north-1": "",
	} {
		problems := allProblems(t, Loader{}, oneFile("version: 1\ntargets: [{ name: a, account: \"111111111111\", regions: ["+region+"] }]\n"+plainEntry), nil, ".")
		if got := problems.Error(); (want == "" && got != "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", region, got, want)
		}
	}
}

// The patterns of two rules may meet in a name that is the sample of neither.
func TestPatternsThatMeet(t *testing.T) {
	d := mustLoad(t, files(
		"f0.yaml", "version: 1\nrules: [{ match: { functions: [\"b-*\"] }, set: { maximum_retry_attempts: 1 } }]\n",
		"f1.yaml", "version: 1\nrules: [{ match: { functions: [\"*\"] }, set: { maximum_retry_attempts: 1 } }, { match: { functions: [\"*-1\"] }, set: { maximum_retry_attempts: 2 } }]\n"))
	if got := mustResolve(t, d, east, nil).Warnings.Error(); !strings.Contains(got, "EI069 maximum_retry_attempts of a function such as b--1 would be 2 here and 1 at f0.yaml") {
		t.Errorf("%q", got)
	}
}

// What plan refuses because such functions exist, validate has warned of, and
// explain refuses as well.
func TestFilesThatWouldDisagree(t *testing.T) {
	d := mustLoad(t, files(
		"f0.yaml", "version: 1\nrules: [{ match: { functions: [\"b-*\"] }, set: { maximum_retry_attempts: 1 } }]\n",
		"f1.yaml", "version: 1\nrules: [{ match: { functions: [\"*\"] }, set: { maximum_retry_attempts: 1 } }, { match: { functions: [\"*-1\"] }, set: { maximum_retry_attempts: 2 } }, { match: { functions: [\"b-?\"] }, set: { maximum_retry_attempts: 0 } }]\n"))
	if got := mustResolve(t, d, east, nil).Warnings.Error(); !strings.Contains(got, "EI069 maximum_retry_attempts of a function such as b-x would be 0 here and 1 at f0.yaml:2") {
		t.Errorf("offline: %q", got)
	}
	inv := Inventory{east: found("a-2", "b-22")}
	if got := mustResolve(t, d, east, inv).Warnings.Error(); strings.Contains(got, "EI069") {
		t.Errorf("it is known that there is no such function: %q", got)
	}
	q, _ := ParseKey("b-1")
	_, _, explained := d.ResolveFor(east, nil, q)
	_, planned := d.Resolve(east, Inventory{east: found("b-1")}, Selection{})
	for _, err := range []error{explained, planned} {
		if err == nil || !strings.Contains(err.Error(), codeRuleConflict) {
			t.Errorf("b-1: %v", err)
		}
	}
}

// The table above merged, row by row.
func TestTheTableOfLayers(t *testing.T) {
	const rule = "rules: [{ match: { functions: [%q] }, set: { %s } }]\n"
	retries := func(n int) string { return fmt.Sprintf("maximum_retry_attempts: %d", n) }
	one := func(pattern, set string) string { return fmt.Sprintf(rule, pattern, set) }
	two := func(p string, n int, q string, m int) string {
		return fmt.Sprintf("rules: [{ match: { functions: [%q] }, set: { %s } }, { match: { functions: [%q] }, set: { %s } }]\n", p, retries(n), q, retries(m))
	}
	defaults := func(n int) string { return "defaults: { " + retries(n) + " }\n" }
	for _, row := range []struct {
		f0, f1 string
		want   int // -1: refused
	}{
		{one("b-*", retries(1)), two("*", 1, "*-1", 2), -1},
		{one("b-*", retries(1)), two("*-1", 2, "*", 1), 1},
		{defaults(1) + one("b-*", "on_failure: none"), defaults(2) + one("*", "on_failure: none"), -1},
		{defaults(1) + one("b-*", "on_failure: none"), defaults(2) + "functions: [{ name: b-1 }]\n", 2},
	} {
		for _, names := range [][2]string{{"f0.yaml", "f1.yaml"}, {"f1.yaml", "f0.yaml"}} {
			d := mustLoad(t, files(names[0], "version: 1\n"+row.f0, names[1], "version: 1\n"+row.f1))
			fleet, err := d.Resolve(east, Inventory{east: found("b-1")}, Selection{})
			switch {
			case row.want < 0 && (err == nil || !strings.Contains(err.Error(), codeRuleConflict)):
				t.Errorf("%s%sis not refused: %v", row.f0, row.f1, err)
			case row.want >= 0 && (err != nil || fleet.Targets[0].Entries[0].Want[MaximumRetryAttempts] != Number(row.want)):
				t.Errorf("%s%sis not %d: %v", row.f0, row.f1, row.want, err)
			}
		}
	}
}
