package planfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

func sample() Saved {
	want := desired.Config{desired.MaximumRetryAttempts: desired.Number(0), desired.OnSuccess: desired.Text("")}
	before := reconcile.Settings{desired.OnSuccess: desired.Text("arn:aws:sns:eu-west-1:111111111111:t")}
	return Saved{
		RunID: "r", ToolVersion: "v", Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Paths:       []string{"fleet.yaml", "more"},
		ChangesOnly: true,
		Files:       []desired.FileInfo{{Path: "fleet.yaml", SHA256: strings.Repeat("ab", 32)}, {Path: "more/b.yaml", SHA256: strings.Repeat("cd", 32)}},
		Plan: reconcile.Plan{Targets: []reconcile.TargetPlan{{
			Target: desired.Target{Account: "111111111111", Region: "eu-west-1"}, Label: "prod", Declared: 4,
			Changes: []reconcile.Change{
				{Name: desired.Name{Function: "a", Qualifier: "$LATEST"}, Action: reconcile.Create, Want: &want},
				{Name: desired.Name{Function: "a", Qualifier: "live"}, Action: reconcile.Update, Want: &want, Before: &before, Modified: 12},
				{Name: desired.Name{Function: "b", Qualifier: "$LATEST"}, Action: reconcile.Delete, Before: &reconcile.Settings{}},
			},
		}}},
	}
}

// seen is the same plan with what it told beside its changes.
func seen() Saved {
	s := sample()
	s.ChangesOnly, s.MissingFunctions, s.MissingQualifiers = false, desired.MissingWarn, desired.MissingError
	p := &s.Plan.Targets[0]
	declared := &desired.Origins{Entry: desired.Origin{File: "more/b.yaml", Line: 4, Layer: desired.LayerFunction, Index: 2}}
	declared.Settings[desired.OnSuccess] = desired.Origin{File: "fleet.yaml", Line: 7, Layer: desired.LayerRule, Rule: "r", Template: "${region}"}
	p.Changes[0].Origins, p.Changes[1].Origins = declared, declared
	p.InSync, p.Skipped = 1, 1
	p.Ignored = []desired.Ignored{{Name: desired.Name{Function: "i", Qualifier: "live"}, By: desired.Origin{File: "fleet.yaml", Line: 9, Layer: desired.LayerIgnore}, Reason: "why", Until: "2027-03-31"}}
	for kind := reconcile.FindingUnreadable; kind <= reconcile.FindingLatestOnly; kind++ {
		p.Findings = append(p.Findings, reconcile.Finding{Name: desired.Name{Function: "f", Qualifier: "live"}, Kind: kind, Origins: declared})
	}
	p.Findings[0].Err = &callerr.Error{Op: "ListFunctionEventInvokeConfigs", Kind: callerr.Denied, Code: "AccessDeniedException", Status: 403, Message: "no"}
	p.Findings[4].Origins, p.Findings[4].Record = nil, &reconcile.Settings{desired.MaximumRetryAttempts: desired.Number(1)}
	return s
}

func encode(t *testing.T, s Saved) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Encode(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var exact = cmp.Options{
	cmp.Comparer(func(a, b desired.Config) bool { return a == b }),
	cmp.Comparer(func(a, b reconcile.Settings) bool { return a == b }),
}

func TestAPlanComesBackAsItWas(t *testing.T) {
	for why, make := range map[string]func() Saved{"an older file": sample, "all": seen} {
		data := encode(t, make())
		got, err := Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		want := make()
		want.Fingerprint = got.Fingerprint // which Encode makes; the next test holds it
		if diff := cmp.Diff(want, got, exact); diff != "" || got.Fingerprint == "" {
			t.Errorf("%s: fingerprint %q\n%s", why, got.Fingerprint, diff)
		}
		if !Is(data) || Is([]byte("{version: 1, functions: []}")) || Is([]byte("version: 1\n")) {
			t.Error("saved plans and fleet files are not told apart")
		}
		if again := encode(t, got); !bytes.Equal(data, again) {
			t.Errorf("%s: encoding again gives other bytes", why)
		}
	}
}

// What was signed before a plan told more than its changes is signed still.
func TestAnOlderPlanKeepsItsFingerprint(t *testing.T) {
	const then = "sha256:c7c86436db886baafe45c560f4a28b0c37d17ca6fcf63d00e07378bc1ba455e0"
	if s, err := Decode(encode(t, sample())); err != nil || s.Fingerprint != then {
		t.Errorf("%v, %s, want %s", err, s.Fingerprint, then)
	}
}

// An error may hold what was signed: what is kept of it is what a history keeps.
func TestNoSecretOfAnErrorIsSaved(t *testing.T) {
	s := seen()
	s.Plan.Targets[0].Findings[0].Err = &callerr.Error{Op: "GetFunction", Kind: callerr.Credentials, Message: "token SECRET", Err: errors.New("SECRET")}
	if data := encode(t, s); bytes.Contains(data, []byte("SECRET")) || !bytes.Contains(data, []byte(`"credentials"`)) {
		t.Errorf("%s", data)
	}
}

func TestADamagedPlanIsRefused(t *testing.T) {
	data := string(encode(t, sample()))
	for _, row := range []struct{ why, text, says string }{
		{"a value was changed", strings.Replace(data, `"maximum_retry_attempts": 0`, `"maximum_retry_attempts": 2`, 1), "fingerprint"},
		{"a function was renamed", strings.Replace(data, `"function": "b"`, `"function": "c"`, 1), "fingerprint"},
		{"a key was added", strings.Replace(data, `"kind"`, `"yes": true, "kind"`, 1), "damaged"},
		{"a second document follows", data + data, "after its end"},
		{"another version", strings.Replace(data, `"format_version": 1`, `"format_version": 2`, 1), "format version 2"},
		{"another kind of file", `{"kind":"x"}`, "another kind of file"},
		{"nothing", "", "cut off"},
	} {
		if row.text == data {
			t.Fatalf("%s: the row changes nothing", row.why)
		}
		_, err := Decode([]byte(row.text))
		if err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: got %v, want %q", row.why, err, row.says)
		}
	}
}

// The fingerprint, and with it each signature, is also of where the fleet was read from: with
// fewer files less is forbidden.
func TestTheFingerprintIsOfTheFleet(t *testing.T) {
	for why, harm := range map[string]func(d *document){
		"no path":        func(d *document) { d.Paths = nil },
		"a path less":    func(d *document) { d.Paths = d.Paths[:1] },
		"another path":   func(d *document) { d.Paths[1] = "more/b.yaml" },
		"a file less":    func(d *document) { d.Files = d.Files[:1] },
		"no file":        func(d *document) { d.Files = nil },
		"another digest": func(d *document) { d.Files[1].SHA256 = d.Files[0].SHA256 },
		"less unread":    func(d *document) { d.Seen.Targets[0].Findings = d.Seen.Targets[0].Findings[1:] },
		"another line":   func(d *document) { d.Seen.Origins[0].Entry.Line++ },
		"nothing seen":   func(d *document) { d.Seen = nil },
	} {
		var d document
		if err := json.Unmarshal(encode(t, seen()), &d); err != nil {
			t.Fatal(err)
		}
		harm(&d)
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(text); err == nil || !strings.Contains(err.Error(), "its fingerprint does not fit") {
			t.Errorf("%s: got %v", why, err)
		}
	}
}

// A fingerprint is a checksum that anybody can compute: what a stranger wrote and
// signed with one is refused where a plan would never say it.
func TestAStrangersPlanIsRefused(t *testing.T) {
	for _, row := range []struct {
		why  string
		harm func(d *document)
		says string
	}{
		{"retries out of bounds", func(d *document) { d.Targets[0].Changes[0].Want[desired.MaximumRetryAttempts] = desired.Number(99) }, "targets[0].changes[0], a: maximum_retry_attempts is 99"},
		{"a before-image out of bounds", func(d *document) {
			d.Targets[0].Changes[1].Before[desired.MaximumEventAgeInSeconds] = desired.Number(1)
		}, "targets[0].changes[1], a:live: maximum_event_age_in_seconds is 1"},
		{"a destination that is none", func(d *document) { d.Targets[0].Changes[0].Want[desired.OnFailure] = desired.Text("http://evil") }, `on_failure is "http://evil", which is not an ARN`},
		{"a destination that is too long", func(d *document) {
			d.Targets[0].Changes[0].Want[desired.OnFailure] = desired.Text("arn:aws:sqs:eu-west-1:111111111111:" + strings.Repeat("q", 350))
		}, "at most 350 characters"},
		{"the same change twice", func(d *document) { d.Targets[0].Changes[1] = d.Targets[0].Changes[0] }, "changes[1]: a is there twice, or out of order"},
		{"changes out of order", func(d *document) { slices.Reverse(d.Targets[0].Changes) }, "out of order"},
		{"the same target twice", func(d *document) { d.Targets = append(d.Targets, d.Targets[0]) }, "targets[1]: 111111111111/eu-west-1 is there twice"},
		{"an account that is none", func(d *document) { d.Targets[0].Account = "1" }, "an account has twelve digits"},
		{"a region that is none", func(d *document) { d.Targets[0].Region = "../.." }, "a region looks like eu-west-1"},
		{"a function that is an ARN", func(d *document) {
			d.Targets[0].Changes[2].Function = "arn:aws:lambda:eu-west-1:222222222222:function:x"
		}, "changes[2]"},
		{"a function with a slash", func(d *document) { d.Targets[0].Changes[2].Function = "b/../c" }, "changes[2]"},
		{"no qualifier", func(d *document) { d.Targets[0].Changes[2].Qualifier = "" }, "changes[2]"},
		{"a guard's base of thin air", func(d *document) { d.Targets[0].Declared = 1_000_000 }, "declared is 1000000"},
		{"what was seen is of no target", func(d *document) { d.Seen.Targets = nil }, "seen.targets"},
		{"a place too few", func(d *document) { d.Seen.Targets[0].Changes = d.Seen.Targets[0].Changes[1:] }, "seen.targets[0].change_origins"},
		{"a place that is none", func(d *document) { d.Seen.Targets[0].Changes[1] = 2 }, "seen.targets[0].change_origins"},
		{"a place before all", func(d *document) { d.Seen.Targets[0].Findings[1].Origins = -1 }, "seen.targets[0].findings[1], f:live: its origins are not there"},
		{"a finding of no function", func(d *document) { d.Seen.Targets[0].Findings[1].Function = "a/b" }, "seen.targets[0].findings[1]"},
		{"more in sync than declared", func(d *document) { d.Seen.Targets[0].InSync = 4 }, "4 configs in sync and 1 skipped are not of 4 declared"},
		{"fewer than none in sync", func(d *document) { d.Seen.Targets[0].InSync = -1 }, "-1 configs in sync"},
		{"fewer configs than changes", func(d *document) { d.Targets[0].Declared = 1 }, "declared is 1, and 2 changes are of declared configs"},
		{"less than none", func(d *document) { d.Targets[0].Declared = -5 }, "declared is -5"},
		{"a create over a record", func(d *document) { d.Targets[0].Changes[0].Before = &reconcile.Settings{} }, "it is not a plan's create"},
		{"a change of nothing", func(d *document) { d.Targets[0].Changes[1].Before = nil }, "it is not a plan's change"},
		{"a change without a wish", func(d *document) { d.Targets[0].Changes[1].Want = nil }, "it is not a plan's change"},
		{"a delete of nothing", func(d *document) { d.Targets[0].Changes[2].Before = nil }, "it is not a plan's delete"},
		{"a change that changes nothing", func(d *document) { d.Targets[0].Changes[1].Want = &desired.Config{} }, "already says what is wanted"},
		{"a restore, which a saved plan never has", func(d *document) { d.Targets[0].Changes[1].Action = reconcile.Restore }, "it is not a plan's restore"},
		{"a time before all times", func(d *document) { d.Targets[0].Changes[1].Modified = -1 }, "before_last_modified_ms"},
		{"a file without a digest", func(d *document) { d.Files[0].SHA256 = "" }, "fleet_files[0]"},
		{"standard input, which would keep apply waiting", func(d *document) { d.Paths[1] = "-" }, `fleet[1]: "-" is no path`},
		{"no path", func(d *document) { d.Paths[0] = "" }, `fleet[0]: "" is no path`},
		{"the same file twice", func(d *document) { d.Files = append(d.Files, d.Files[0]) }, "fleet_files[2]"},
	} {
		var d document
		if err := json.Unmarshal(encode(t, seen()), &d); err != nil {
			t.Fatal(err)
		}
		row.harm(&d)
		var err error
		if d.Fingerprint, err = fingerprint(d); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Decode(text)
		if err == nil || !strings.Contains(err.Error(), row.says) || !strings.HasSuffix(err.Error(), "; make it again with plan --out") {
			t.Errorf("%s: got %v, want %q and what to do", row.why, err, row.says)
		}
	}
}

func TestNoCutAndNoFlippedByteGoesUnnoticed(t *testing.T) {
	data := encode(t, seen())
	want, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		cut := rapid.IntRange(0, len(data)-3).Draw(t, "cut")
		if _, err := Decode(data[:cut]); err == nil {
			t.Fatalf("a plan cut at %d of %d was accepted", cut, len(data))
		}
		flipped := bytes.Clone(data)
		at := rapid.IntRange(0, len(data)-1).Draw(t, "at")
		flipped[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "by"))
		got, err := Decode(flipped)
		if err == nil && !cmp.Equal(got, want, exact) {
			t.Fatalf("byte %d was changed and another plan accepted", at)
		}
	})
}

func FuzzDecode(f *testing.F) {
	var b bytes.Buffer
	if err := Encode(&b, seen()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"kind":"eventinvoke plan","targets":[{"changes":[{"action":"create"}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		Decode(data) // must not panic, whatever it is given
	})
}
