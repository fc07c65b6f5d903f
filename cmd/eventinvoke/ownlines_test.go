package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/go-multierror"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// forged is what somebody would like a person to read on a line of its own.
const forged = "FORGED: verified, signed by alice"

// hostile makes a text from outside that tries to.
func hostile(t *rapid.T) string {
	end := rapid.SampledFrom([]string{"\n", "\n\n", "\r\n", "\n  ", "\n\t", "\u2028\n"})
	return rapid.SampledFrom([]string{"", "x", "next"}).Draw(t, "before") + end.Draw(t, "end") + forged + rapid.SampledFrom([]string{"", "\n", "\ny"}).Draw(t, "after")
}

// fill puts such texts into every exported field that holds any.
func fill(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(hostile(t))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 4, 4))
		for i := range v.Len() {
			fill(t, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(t, v.Field(i))
			}
		}
	}
}

// forgery is the line of a text that is not ours, or "".
func forgery(text string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "FORGED") {
			return text
		}
	}
	return ""
}

// TestWhatAHistoryHoldsMakesNoLine: whoever can write to the folder must not write what verify says.
func TestWhatAHistoryHoldsMakesNoLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var v history.Verification
		fill(t, reflect.ValueOf(&v).Elem())
		for i := range v.Runs {
			v.Runs[i].Signature = rapid.SampledFrom([]history.Signature{"", history.Signed, history.Covered, history.Unsigned, history.Wrong, history.Signature(hostile(t))}).Draw(t, "signature")
			v.Runs[i].Trust = history.Broken
		}
		var out, errs bytes.Buffer
		a := &app{streams: streams{out: &out, err: &errs}}
		_ = a.showVerification(v, "text")
		err := a.showVerification(v, "json")
		for _, text := range []string{out.String(), errorText(err), errorText(&history.BrokenError{Verdict: v.Runs[0]})} {
			if text := forgery(text); text != "" {
				t.Fatalf("a line is not ours:\n%s", text)
			}
		}
	})
}

// TestWhatAnErrorQuotesMakesNoLine: whatever the errors are wrapped in and joined with. Their own
// lines stay.
func TestWhatAnErrorQuotesMakesNoLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var of func(depth int) (int, error)
		of = func(depth int) (int, error) {
			switch kind := rapid.IntRange(0, 7).Draw(t, "kind"); {
			case kind == 0:
				problems := make(desired.Problems, 2)
				for i := range problems {
					problems[i] = desired.Problem{Pos: desired.Pos{File: hostile(t)}, Code: "E1", Message: hostile(t), Hint: hostile(t)}
				}
				return 2, problems
			case kind == 1:
				var v history.Verdict
				fill(t, reflect.ValueOf(&v).Elem())
				return 6, &history.BrokenError{Verdict: v}
			case kind == 2:
				var call callerr.Error
				fill(t, reflect.ValueOf(&call).Elem())
				call.Op, call.Hint = "PutFunctionEventInvokeConfig", "" // which is ours; and see below
				return 1, &call
			case depth > 2 || kind == 3:
				return 1, errors.New(hostile(t))
			case kind == 4:
				lines, inner := of(depth + 1)
				return lines, fmt.Errorf("%s: %w; %s", hostile(t), inner, hostile(t))
			}
			n, one := of(depth + 1)
			m, other := of(depth + 1)
			if rapid.Bool().Draw(t, "of a run") {
				return n + m, &multierror.Error{Errors: []error{one, other}}
			}
			return n + m, errors.Join(one, other)
		}
		lines, err := of(0)
		text := errorLines(err)
		if got := strings.Count(text, "\n") + 1; got != lines || forgery(text) != "" {
			t.Fatalf("%d lines, and %d are ours:\n%s", got, lines, text)
		}
		hint := errorText(fmt.Errorf("%w", &callerr.Error{Message: "m", Hint: hostile(t)}))
		if strings.Count(hint, "\n") != 1 {
			t.Fatalf("a hint of several lines:\n%s", hint)
		}
	})
}

// TestNoNameMakesALine: names of files, folders, targets, rules and runs, through the verbs that tell of them.
func TestNoNameMakesALine(t *testing.T) {
	name := "x\n" + forged
	folder := filepath.Join(t.TempDir(), name)
	place := filepath.Join(folder, "history")
	write := func(text string, path ...string) string {
		t.Helper()
		file := filepath.Join(path...)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Skip(err) // no such names here
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Skip(err)
		}
		return file
	}
	const functions = "functions: [{name: orders, maximum_retry_attempts: 0}]\n"
	good := write(fmt.Sprintf("version: 1\ntargets: [{name: home, account: \"111111111111\", regions: [eu-west-1]}]\nrules: [{name: %q, match: {functions: [\"o*\"]}, set: {maximum_retry_attempts: 1}}]\n", name)+functions, folder, "fleet.yaml")
	bad := write(fmt.Sprintf("version: 1\ntargets: [{name: %q, account: %[1]q, regions: [%[1]q]}]\n%[1]q: 1\nfunctions: [{name: %[1]q, %[1]q: 2, on_failure: %[1]q}]\n", name), folder, "bad.yaml")
	for _, run := range []string{name, "run"} {
		write("{", place, "runs", run, "20000101T000000.123456Z-whole.json")
		write(fmt.Sprintf(`{"seq":1,"begin":{"format_version":1,"run_id":%q}}`+"\n", name), place, "journals", run, "20000101T000000.123456Z-whole.jsonl")
	}
	write(fmt.Sprintf(`{"broken":%q}`, name), place, "chain", "000000000001.json")
	if code, _, errs := eventinvoke(t.Context(), "explain", "orders", good); code != 0 {
		t.Fatal(errs) // or explain's own lines are not looked at
	}
	for _, args := range [][]string{
		{"validate", good}, {"validate", bad}, {"validate", folder}, {"validate", name},
		{"explain", "orders", good}, {"explain", name, good}, {"explain", "orders", bad},
		{"targets", good}, {"targets", bad},
		{"plan", "sign", bad, "--key", name}, {"plan", "sign", name, "--key", name},
		{"history", "--history", place}, {"history", "--all", "--history", place}, {"history", name, "--history", place}, {"history", "run", "--history", place},
		{"history", "verify", "--history", place}, {"history", "verify", "--history", place, "--known", name}, {"history", "verify", "run", "--history", place}, {"history", "verify", "--allowed-signers", name, "--history", place},
		{"history", "prune", "--keep", "1d", "--dry-run", "--history", place}, {"history", "prune", "--keep", name, "--history", place},
		{"history", "trend", "--history", place}, {"history", "--history", place + name}, {"show", "run", "--history", place},
		{"rollback", "run", "--history", place, "--yes", "--simulate"}, {"rollback", name, "--history", place, "--yes", "--simulate"},
		{name}, {"plan", "--" + name}, {"plan", "-o", name, good},
	} {
		_, out, errs := eventinvoke(t.Context(), args...)
		if text := forgery(out) + forgery(errs); text != "" {
			t.Errorf("%q: a line is not ours:\n%s", args, text)
		}
	}
}
