package desired

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A config is read back from its one JSON form as it was, whatever is set, in the order of
// the settings.
func TestConfigsAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c Config
		for _, s := range AllSettings() {
			switch {
			case rapid.Bool().Draw(t, "unset"):
			case s.IsNumber():
				c[s] = Number(rapid.IntRange(0, 30000).Draw(t, "number"))
			default:
				c[s] = Text(rapid.SampledFrom([]string{"", "arn:aws:sqs:us-east-1:111111111111:q"}).Draw(t, "text"))
			}
		}
		text, err := json.Marshal(c)
		var back Config
		if err == nil {
			err = json.Unmarshal(text, &back)
		}
		if err != nil || back != c {
			t.Fatalf("%+v became %s, and that %+v (%v)", c, text, back, err)
		}
	})
	all := Config{Number(1), Number(60), NoDestination, Text("arn:x")}
	const want = `{"maximum_retry_attempts":1,"maximum_event_age_in_seconds":60,"on_success":"none","on_failure":"arn:x"}`
	if text, _ := json.Marshal(all); string(text) != want {
		t.Errorf("got %s", text)
	}
	for text, wrong := range map[string]string{
		`null`: "a config is null", `{"on_failure":3}`: "on_failure cannot be 3", `{"maximum_retry_attempts":"1"}`: "maximum_retry_attempts cannot be",
		`{"tomorrow":1}`: `there is no setting "tomorrow"`, `[]`: "cannot unmarshal", `{"maximum_retry_attempts":1.5}`: "cannot unmarshal",
	} {
		var c Config
		if err := json.Unmarshal([]byte(text), &c); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: %v, want %q", text, err, wrong)
		}
	}
}

func TestCheckKnowsTheBounds(t *testing.T) {
	for _, s := range AllSettings() {
		low, high := s.Bounds()
		right, wrong := []Value{{}, NoDestination, Text("arn:x")}, []Value{Number(0)}
		if s.IsNumber() {
			right, wrong = []Value{{}, Number(low), Number(high)}, []Value{Number(low - 1), Number(high + 1), Text("arn:x")}
		}
		for _, v := range right {
			if err := s.Check(v); err != nil {
				t.Errorf("%s: %v", v, err)
			}
		}
		for _, v := range wrong {
			if s.Check(v) == nil {
				t.Errorf("%s may be %s", s, v)
			}
		}
	}
}
