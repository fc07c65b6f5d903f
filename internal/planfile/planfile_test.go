package planfile

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

func sample() Saved {
	want := desired.Config{desired.MaximumRetryAttempts: desired.Number(0), desired.OnSuccess: desired.Text("")}
	before := reconcile.Settings{desired.OnSuccess: desired.Text("arn:aws:sns:eu-west-1:111111111111:t")}
	return Saved{
		RunID: "r", ToolVersion: "v", Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Files: []desired.FileInfo{{Path: "fleet.yaml", SHA256: "ab"}},
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
	data := encode(t, sample())
	got, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), got, exact); diff != "" {
		t.Error(diff)
	}
	if !Is(data) || Is([]byte("{version: 1, functions: []}")) || Is([]byte("version: 1\n")) {
		t.Error("saved plans and fleet files are not told apart")
	}
	if again := encode(t, got); !bytes.Equal(data, again) {
		t.Error("encoding again gives other bytes")
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
		{"another kind of file", `{"kind":"x"}`, "not a saved plan"},
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

func TestNoCutAndNoFlippedByteGoesUnnoticed(t *testing.T) {
	data := encode(t, sample())
	rapid.Check(t, func(t *rapid.T) {
		cut := rapid.IntRange(0, len(data)-3).Draw(t, "cut")
		if _, err := Decode(data[:cut]); err == nil {
			t.Fatalf("a plan cut at %d of %d was accepted", cut, len(data))
		}
		flipped := bytes.Clone(data)
		at := rapid.IntRange(0, len(data)-1).Draw(t, "at")
		flipped[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "by"))
		got, err := Decode(flipped)
		if err == nil && !cmp.Equal(got, sample(), exact) {
			t.Fatalf("byte %d was changed and another plan accepted", at)
		}
	})
}

func FuzzDecode(f *testing.F) {
	var b bytes.Buffer
	if err := Encode(&b, sample()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"kind":"eventinvoke plan","targets":[{"changes":[{"action":"create"}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		Decode(data) // must not panic, whatever it is given
	})
}
