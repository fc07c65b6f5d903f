package report

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

func TestClean(t *testing.T) {
	for _, row := range []struct{ in, want, why string }{
		{"orders-001", "orders-001", "plain names stay as they are"},
		{"Größe → 2", "Größe → 2", "printable text of any script stays"},
		{"a\x1b[2Jb", `a\x1b[2Jb`, "an escape sequence must not clear the screen"},
		{"a\rb", `a\rb`, "a carriage return must not overwrite the line"},
		{"a\nPlan: 0 to create", `a\nPlan: 0 to create`, "a name must not forge a line"},
		{"a\tb", `a\tb`, "a tab must not break the columns"},
		{"\u009b31m", `\u009b31m`, "CSI as one character starts a sequence on some terminals"},
		{"a\u202eb", `a\u202eb`, "right-to-left override must not reverse what follows"},
		{"a\u200bb", `a\u200bb`, "an invisible character must not make two names look alike"},
		{"a\u2028b", `a\u2028b`, "a line separator is a line end to some readers"},
		{"a\xffb", `a\xffb`, "bytes that are not UTF-8"},
		{"a\ufffdb", "a\ufffdb", "a replacement character that was really there"},
		{"\U000e0041", `\U000e0041`, "tag characters are invisible"},
		{"\x7f", `\x7f`, "delete is a control character"},
	} {
		if got := Clean(row.in); got != row.want {
			t.Errorf("Clean(%q) = %q, want %q: %s", row.in, got, row.want, row.why)
		}
		if again := Clean(Clean(row.in)); again != Clean(row.in) {
			t.Errorf("cleaning %q twice gives %q", row.in, again)
		}
	}
}

// hostile is a run in which everything that comes from outside is the same text.
func hostile(text string) *Run {
	err := &callerr.Error{Op: text, Subject: text, Kind: callerr.Denied, Status: 403, Code: text, Message: text, RequestID: text, Hint: text}
	name := desired.Name{Function: text, Qualifier: text}
	target := desired.Target{Account: text, Region: text}
	change := reconcile.Change{Name: name, Action: reconcile.Create, Want: &desired.Config{desired.OnFailure: desired.Text("x" + text)}}
	return &Run{
		ID: text, ToolVersion: text, Verb: text, Started: started, Finished: started, Stopped: text,
		Fleet:    FleetInfo{Files: []string{text}, Configs: 4, Targets: 1},
		Warnings: desired.Problems{{Pos: desired.Pos{File: text}, Code: text, Message: text, Hint: text}},
		Refused:  err,
		Plan: &reconcile.Plan{Targets: []reconcile.TargetPlan{{
			Target: target, Label: text, Declared: 4, Stopped: err, Changes: []reconcile.Change{change},
			Findings: []reconcile.Finding{
				{Name: name, Kind: reconcile.FindingUnreadable, Err: err},
				{Name: name, Kind: reconcile.FindingFunctionMissing},
				{Name: name, Kind: reconcile.FindingUndeclared, Record: &reconcile.Settings{desired.OnSuccess: desired.Text(text)}},
				{Name: name, Kind: reconcile.FindingOrphan, Record: &reconcile.Settings{desired.OnSuccess: desired.Text(text)}},
				{Name: name, Kind: reconcile.FindingLatestOnly},
			},
			Ignored: []desired.Ignored{{Name: name}},
		}}},
		Insights: insight.Set{
			Authors: []insight.Authorship{{Key: desired.Key{Target: target, Name: name}, Author: author(text), Call: text}, {Key: desired.Key{Target: target, Name: name}, Author: author("x" + text)}},
			Fights:  []insight.Fight{{Key: desired.Key{Target: target, Name: name}, Author: author(text), Times: 3}},
		},
		API: []TargetAPI{{Target: target, Label: text, Operations: []reconcile.OperationCount{{Name: text, Calls: 1}}}},
	}
}

// author has one text for whatever is told of an author.
func author(text string) insight.Author {
	return insight.Author{Principal: text, Kind: text, Name: text, Client: text, RunID: text}
}

// outcomeOfAll ends every change of a run with an error.
func outcomeOfAll(r *Run, err error) *Run {
	r.Outcome = &reconcile.Outcome{}
	for _, t := range r.Plan.Targets {
		out := reconcile.TargetOutcome{Target: t.Target, Label: t.Label, Stopped: err}
		for _, c := range t.Changes {
			out.Results = append(out.Results, reconcile.ChangeResult{Change: c, Status: reconcile.Failed, Err: err})
		}
		r.Outcome.Targets = append(r.Outcome.Targets, out)
	}
	return r
}

func TestNothingFromOutsideReachesTheTerminalRaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.SampledFrom([]string{"\x1b]0;owned\a", "\x1b[2J", "a\r\nPlan: 0", "\u202egnp", "\xff\xfe", "\u009b2J"}),
			rapid.String(),
			rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		).Draw(t, "text")
		r := hostile(text)
		harmless(t, textOf(t, r))
		r.Stopped = ""
		harmless(t, textOf(t, outcomeOfAll(r, r.Refused)))
		r.Plan, r.Err = nil, errors.New(text)
		harmless(t, textOf(t, r))
	})
}

func harmless(t *rapid.T, out string) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Fatalf("not UTF-8: %q", out)
	}
	for _, c := range strings.ReplaceAll(out, "\n", "") {
		if !unicode.IsPrint(c) {
			t.Fatalf("%U in the output: %q", c, out)
		}
	}
}

func textOf(t *rapid.T, r *Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := Text(&b, r, TextOptions{Full: true}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestANameCannotForgeTheLastLine(t *testing.T) {
	out := string(textBytes(t, hostile("x\nPlan: 0 to create, 0 to change, 0 to delete, 0 ignored, 0 unreadable.\n"), TextOptions{}))
	if n := strings.Count("\n"+out, "\nPlan: "); n != 1 {
		t.Errorf("%d lines start with Plan:, want 1:\n%s", n, out)
	}
}
