package modeltest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// settings are the four settings as text: age, attempts, success, failure. ""
// is a setting that is not there; "none" is written in fleet files only.
type settings [4]string

var (
	settingNames    = settings{"maximum_event_age_in_seconds", "maximum_retry_attempts", "on_success", "on_failure"}
	settingDefaults = settings{"21600", "2", "none", "none"}
)

// A setting that the model has not is one that nobody has a second opinion of.
func TestTheModelHasEverySetting(t *testing.T) {
	record := reflect.TypeFor[awssim.Record]()
	for i := range record.NumField() {
		f := record.Field(i)
		if name := f.Tag.Get("yaml"); f.Tag.Get("wire") != "" && !slices.Contains(settingNames[:], name) {
			t.Errorf("records have %s, and the model does not", name)
		}
	}
}

// effective is what AWS acts on.
func effective(i int, v string) string {
	if v == "" {
		return settingDefaults[i]
	}
	return v
}

// place is a target.
type place struct{ account, region, label string }

func (p place) String() string { return p.account + "/" + p.region }

// function is a function of the world, with what goes wrong with it.
type function struct {
	name              string
	versions, aliases []string
	tags              map[string]string // nil: never tagged
	records           map[string]settings
	deadLetter        string // the function's own, older dead-letter queue
	refuse            bool   // Put and Update answer 400
	denyRead          bool   // List answers 403
	denyWrite         bool   // Put and Update answer 403
	denyDelete        bool   // Delete answers 403
}

// has says whether a qualifier exists, whatever records lie under it.
func (f *function) has(qualifier string) bool {
	return qualifier == "$LATEST" || slices.Contains(f.versions, qualifier) || slices.Contains(f.aliases, qualifier)
}

// world is what AWS holds: functions by target.
type world map[place][]*function

func (w world) function(p place, name string) *function {
	for _, f := range w[p] {
		if f.name == name {
			return f
		}
	}
	return nil
}

var (
	names = []string{
		"pay-a", "pay-b", "pay-c", "pay-canary", "batch-a", "batch-b", "batch-c", "batch-canary",
		"web-a", "web-b", "web-c", "web-canary", "Pay-a", "x",
	}
	qualifiers = []string{"$LATEST", "live", "beta", "1", "2"}
	stored     = [4][]string{
		{"", "", "60", "3600", "21600"},
		{"", "", "0", "1", "2"},
		{"", "", "", "arn:aws:sqs:REGION:ACCOUNT:done", "arn:aws:sns:REGION:ACCOUNT:done"},
		{"", "", "arn:aws:sqs:REGION:ACCOUNT:dlq", "arn:aws:sqs:REGION:ACCOUNT:old", "arn:aws:s3:::failed"},
	}
)

// here writes the target's own account and region into a destination.
func (p place) here(text string) string {
	return strings.NewReplacer("REGION", p.region, "ACCOUNT", p.account,
		"${region}", p.region, "${account}", p.account, "${partition}", "aws", "${vars.team}", p.team()).Replace(text)
}

func drawWorld(t *rapid.T, places []place) world {
	w := world{}
	for _, p := range places {
		// Mostly few, so that a failure is small; sometimes enough for a guard to stop it.
		most := rapid.SampledFrom([]int{3, 6, len(names)}).Draw(t, "functions at most")
		for _, name := range names {
			if len(w[p]) < most && rapid.IntRange(0, 3).Draw(t, name) > 0 {
				w[p] = append(w[p], drawFunction(t, p, name))
			}
		}
	}
	// Few things go wrong: what many refusals of one cause do is told by other tests.
	for range rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "faults") {
		p := rapid.SampledFrom(places).Draw(t, "where")
		if len(w[p]) == 0 {
			continue
		}
		f := rapid.SampledFrom(w[p]).Draw(t, "failing")
		switch rapid.IntRange(0, 4).Draw(t, "fault") {
		case 0:
			f.refuse = true
		case 1, 4:
			f.denyRead = true
		case 2:
			f.denyWrite = true
		case 3:
			f.denyDelete = true
		}
	}
	return w
}

func drawFunction(t *rapid.T, p place, name string) *function {
	f := &function{name: name, records: map[string]settings{}}
	if rapid.Bool().Draw(t, "versions") {
		f.versions = []string{"1", "2"}[:rapid.IntRange(1, 2).Draw(t, "how many")]
	}
	for _, alias := range []string{"live", "beta"} {
		if rapid.IntRange(0, 2).Draw(t, alias) > 0 {
			f.aliases = append(f.aliases, alias)
		}
	}
	if rapid.Bool().Draw(t, "tagged") {
		f.tags = map[string]string{}
		if v := rapid.SampledFrom([]string{"", "gold", "silver"}).Draw(t, "tier"); v != "" {
			f.tags["tier"] = v
		}
		if v := rapid.SampledFrom([]string{"", "pay", "web"}).Draw(t, "team"); v != "" {
			f.tags["team"] = v
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "dead-letter queue") == 0 {
		f.deadLetter = p.here("arn:aws:sqs:REGION:ACCOUNT:older")
	}
	for _, q := range append(slices.Clone(qualifiers), "gone") {
		chance := 2
		if !f.has(q) {
			chance = 11 // an orphan: its alias or version went away
		}
		if rapid.IntRange(0, chance).Draw(t, "record of "+q) == 0 {
			f.records[q] = drawRecord(t, p)
		}
	}
	return f
}

// drawRecord draws a record that holds something: AWS takes no empty Put.
func drawRecord(t *rapid.T, p place) settings {
	var r settings
	for i := range r {
		r[i] = p.here(rapid.SampledFrom(stored[i]).Draw(t, "stored"))
	}
	if r == (settings{}) {
		r[1] = "1"
	}
	return r
}

// scenario is the world for the simulator.
func (w world) scenario(places []place, seed uint64) *awssim.Scenario {
	s := &awssim.Scenario{Seed: seed}
	byAccount := map[string]int{}
	for _, p := range places {
		at, known := byAccount[p.account]
		if !known {
			at = len(s.Accounts)
			byAccount[p.account] = at
			s.Accounts = append(s.Accounts, awssim.Account{Account: p.account, Regions: map[string]awssim.Region{}})
		}
		var region awssim.Region
		for _, f := range w[p] {
			g := awssim.Function{Name: f.name, Versions: f.versions, Aliases: f.aliases, Tags: f.tags, DeadLetterQueue: f.deadLetter, Records: map[string]awssim.Record{}}
			if f.refuse {
				g.Refuse = "The destination does not like the function"
			}
			if f.denyRead {
				g.Deny = append(g.Deny, "lambda:ListFunctionEventInvokeConfigs")
			}
			if f.denyWrite {
				g.Deny = append(g.Deny, "lambda:PutFunctionEventInvokeConfig", "lambda:UpdateFunctionEventInvokeConfig")
			}
			if f.denyDelete {
				g.Deny = append(g.Deny, "lambda:DeleteFunctionEventInvokeConfig")
			}
			for q, r := range f.records {
				g.Records[q] = awssim.Record{MaximumEventAgeInSeconds: number(r[0]), MaximumRetryAttempts: number(r[1]), OnSuccess: r[2], OnFailure: r[3]}
			}
			region.Functions = append(region.Functions, g)
		}
		s.Accounts[at].Regions[p.region] = region
	}
	return s
}

func number(text string) *int {
	if text == "" {
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return &n
}

// records are all records of the world by config.
func (w world) records() map[string]settings {
	all := map[string]settings{}
	for p, functions := range w {
		for _, f := range functions {
			for q, r := range f.records {
				all[config(p, f.name, q)] = r
			}
		}
	}
	return all
}

// look reads the same from the simulator.
func look(sim *awssim.World, w world) map[string]settings {
	text := func(n *int) string {
		if n == nil {
			return ""
		}
		return strconv.Itoa(*n)
	}
	all := map[string]settings{}
	for p, functions := range w {
		for _, f := range functions {
			for _, q := range append(slices.Clone(qualifiers), "gone") {
				if r, found := sim.Record(p.account, p.region, f.name, q); found {
					all[config(p, f.name, q)] = settings{text(r.MaximumEventAgeInSeconds), text(r.MaximumRetryAttempts), r.OnSuccess, r.OnFailure}
				}
			}
		}
	}
	return all
}

func config(p place, function, qualifier string) string {
	return fmt.Sprintf("%s/%s:%s", p, function, qualifier)
}

// String tells of the world in a failure.
func (w world) String() string {
	var b strings.Builder
	for p, functions := range w {
		for _, f := range functions {
			fmt.Fprintf(&b, "%s/%s versions %v aliases %v tags %v", p, f.name, f.versions, f.aliases, f.tags)
			if f.tags == nil {
				b.WriteString(" (never tagged)")
			}
			if f.deadLetter != "" {
				b.WriteString(" with a dead-letter queue")
			}
			for name, on := range map[string]bool{"refuse": f.refuse, "deny read": f.denyRead, "deny write": f.denyWrite, "deny delete": f.denyDelete} {
				if on {
					b.WriteString(" " + name)
				}
			}
			for _, q := range slices.Sorted(maps.Keys(f.records)) {
				fmt.Fprintf(&b, "\n    %s %q", q, f.records[q])
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}
