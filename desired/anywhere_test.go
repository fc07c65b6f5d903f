package desired

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A planted item goes into a section, and takes one line there. %[1]d is its number: the function
// own1 is its own. %[2]s is an account of its own, and %[3]s the label of the target that has its
// function.
type planted struct {
	section, item string
	again         string // a second item, anywhere: whichever of the two comes later is the one that is wrong
	codes         string // what is told of it
}

// sound are items with which nothing is wrong. Each rule is there for a function of its own, so
// that none takes from another what it has to set.
var sound = []planted{
	{"functions", `{ name: "sound%[1]d", targets: [one], maximum_retry_attempts: 0 }`, "", ""},
	{"functions", `{ name: "sound%[1]d:live", targets: [two, one], on_failure: "arn:aws:sqs:${region}:${account}:q" }`, "", ""},
	{"functions", `{ name: "arn:aws:lambda:eu-west-1:222222222222:function:sound%[1]d", on_failure: none }`, "", ""},
	{"rules", `{ match: { functions: ["own%[1]d"] }, set: { maximum_retry_attempts: 0 } }`, "", ""},
	{"rules", `{ match: { functions: ["own%[1]d", "own%[1]d-*"], exclude: ["*%[1]d-x", "own%[1]d-y"] }, set: { maximum_retry_attempts: 0 } }`, "", ""},
	{"rules", `{ match: { functions: ["own%[1]d"], qualifiers: ["live*", "[b]lue"], targets: ["%[3]s"] }, set: { maximum_retry_attempts: 0 } }`, "", ""},
	{"rules", `{ match: { functions: ["own%[1]d-*"], tags: { k: [v, x, "y*"] }, targets: ["%[3]s"] }, set: { maximum_retry_attempts: 0 } }`, "", ""},
	{"rules", `{ match: { functions: ["own%[1]d-?"], exclude: { tags: { k: [x, "y*"], n: "%[1]d" } } }, set: { maximum_retry_attempts: 0 } }`, "", ""},
	{"ignore", `{ functions: ["own%[1]d"], reason: sound }`, "", ""},
	{"require", `{ match: { functions: ["own%[1]d"] }, failure_destination: required }`, "", ""},
}

// refused are errors, all of which one load tells.
var refused = []planted{
	{"targets", `{ name: "t%[1]d", account: "%[2]s", regions: [us-east-1] }`, `{ name: "u%[1]d", account: "%[2]s", regions: [eu-west-1, us-east-1] }`, codeDuplicateTarget},
	{"targets", `{ name: "t%[1]d", account: "%[2]s", regions: [us-east-1] }`, `{ name: "t%[1]d", account: "%[2]s", regions: [eu-west-1] }`, codeDuplicateTarget},
	{"targets", `{ name: "t%[1]d", account: "%[2]s", regions: [us-east-1, us-east-2, cn-north-1] }`, "", codeMixedPartitions},
	{"targets", `{ name: "t%[1]d", account: "%[2]s", regions: [us-east-1], external_id: fleet-7 }`, "", codeStrayExternalID},
	{"targets", `{ name: "t%[1]d", account: "%[2]s", regions: [us-east-1], role_arn: "arn:aws:iam::111111111111:role/r" }`, "", codeBadRole},
	{"targets", `{ name: "t%[1]d", organization: { role: r, regions: [us-east-1, us-east-2, cn-north-1] } }`, "", codeMixedPartitions},
	{"functions", `{ name: "f%[1]d", targets: [one, "nobody%[1]d", two], maximum_retry_attempts: 0 }`, "", codeUnknownLabel},
	{"functions", `{ name: "f%[1]d", targets: ["nobody%[1]d", two, "nowhere%[1]d"], maximum_retry_attempts: 0 }`, "", codeUnknownLabel + " " + codeUnknownLabel},
	{"functions", `{ name: "f%[1]d", targets: [two], maximum_retry_attempts: 3 }`, "", codeOutOfRange},
	{"functions", `{ name: "f%[1]d", targets: [two], maximum_retries: 0, maximum_event_age_in_seconds: 60s }`, "", codeUnknownKey + " " + codeWrongType},
	{"functions", `{ name: "f %[1]d", targets: [two], maximum_retry_attempts: 0 }`, "", codeBadFunctionName},
	{"functions", `{ name: "f%[1]d", targets: [two], maximum_retry_attempts: 0 }`, `{ name: "f%[1]d", targets: [one, two], on_failure: none }`, codeDuplicateEntry},
	{"functions", `{ name: "arn:aws:lambda:ap-south-1:222222222222:function:f%[1]d", maximum_retry_attempts: 0 }`, "", codeNotATarget},
	{"functions", `{ name: "f%[1]d", targets: [two, one], on_success: none, on_failure: "arn:aws:lambda:us-east-1:111111111111:function:f%[1]d" }`, "", codeOwnDestination},
	{"functions", `{ name: "f%[1]d", targets: [two], on_success: none, on_failure: "arn:aws:sqs:eu-west-1:222222222222" }`, "", codeBadARN},
	{"rules", `{ match: { functions: [x], targets: ["nobody%[1]d"] }, set: { maximum_retry_attempts: 0 } }`, "", codeUnknownLabel},
	{"rules", `{ match: { functions: [x], targets: [one, two, "nobody%[1]d"] }, set: { maximum_retry_attempts: 0 } }`, "", codeUnknownLabel},
	{"rules", `{ match: { functions: ["r%[1]d-*"] } }`, "", codeManagesNothing},
	{"rules", `{ match: { functions: ["r%[1]d-*", "r[%[1]d"] }, set: { maximum_retry_attempts: 0 } }`, "", codeBadGlob},
	{"ignore", `{ functions: [x], targets: [one, "nobody%[1]d"] }`, "", codeUnknownLabel},
	{"require", `{ match: { functions: [x], targets: [one, "nobody%[1]d"] }, failure_destination: required }`, "", codeUnknownLabel},
	{"require", `{ match: { functions: ["own%[1]d"] } }`, "", codeManagesNothing},
}

// doubtful are warnings, told when it is known what exists.
var doubtful = []planted{
	{"targets", `{ name: "t%[1]d", account: "%[2]s", regions: [us-east-1] }`, "", codeEmptyTarget},
	{"targets", `{ name: "t%[1]d", account: "%[2]s", regions: [us-eats-1] }`, "", codeEmptyTarget + " " + codeUnknownRegion},
	{"targets", `{ name: "t%[1]d", account: "%[2]s", regions: [us-east-1], vars: { nobody: x } }`, "", codeEmptyTarget + " " + codeNoEffect},
	{"targets", `{ name: "t%[1]d", organization: { role: r, regions: [us-east-1], accounts: { exclude: ["%[2]s"] } } }`, "", codeNoEffect + " " + codeEmptyTarget},
	{"functions", `{ name: "f%[1]d", targets: [two, one], on_success: none, on_failure: "arn:aws:sqs:eu-west-3:${account}:q" }`, "", codeOtherRegion},
	{"functions", `{ name: "f%[1]d", targets: [two, one], on_failure: "arn:aws:lambda:eu-west-1:222222222222:function:f%[1]d:live" }`, "", codeSameFunction + " " + codeOtherRegion},
	{"functions", `{ name: "demanded%[1]d", targets: [two], maximum_event_age_in_seconds: 60 }`, "", codeAgainstRequirement},
	{"functions", `{ name: "arn:aws:lambda:us-east-1:222222222222:function:f%[1]d", maximum_retry_attempts: 0 }`, "", codeNoEffect},
	{"rules", `{ match: { functions: ["nobody%[1]d*"] }, set: { maximum_retry_attempts: 0 } }`, "", codeIdleRule},
	{"rules", `{ match: { functions: ["own%[1]d", "nobody%[1]d"] }, set: { maximum_retry_attempts: 0 } }`, "", codeNoEffect},
	{"rules", `{ match: { functions: ["own%[1]d"], exclude: ["nobody%[1]d", "own%[1]d-x"] }, set: { maximum_retry_attempts: 0 } }`, "", codeNoEffect + " " + codeNoEffect},
	{"rules", `{ match: { functions: ["own%[1]d*"], exclude: ["own%[1]d-x", "nobody%[1]d"] }, set: { maximum_retry_attempts: 0 } }`, "", codeNoEffect},
	{"rules", `{ match: { functions: ["own%[1]d-*"], tags: { k: [v, "w%[1]d", x] } }, set: { maximum_retry_attempts: 0 } }`, "", codeNoEffect},
	{"rules", `{ match: { functions: ["own%[1]d"], qualifiers: ["live*", "lvie*", live, "bleu*"] }, set: { maximum_retry_attempts: 0 } }`, "", codeNoEffect + " " + codeNoEffect},
	{"rules", `{ match: { functions: ["own%[1]d"], qualifiers: ["lvie*", "blue*"] }, set: { maximum_retry_attempts: 0 } }`, "", codeNoEffect},
	{"ignore", `{ functions: ["nobody%[1]d"] }`, "", codeNoEffect},
	{"ignore", `{ functions: ["own%[1]d", "nobody%[1]d"] }`, "", codeNoEffect},
	{"require", `{ match: { functions: ["nobody%[1]d"] }, failure_destination: required }`, "", codeIdleRule},
	{"require", `{ match: { functions: ["own%[1]d", "nobody%[1]d"] }, failure_destination: required }`, "", codeNoEffect},
}

// Whatever is wrong, in however many items of whichever files, in any order among sound ones, is
// told, each at its line and once, and nothing else is.
func TestWhatIsWrongIsToldWhereverItStands(t *testing.T) {
	for _, stage := range []struct {
		name  string
		wrong []planted
	}{{"refused", refused}, {"doubtful", doubtful}} {
		t.Run(stage.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { plant(t, stage.wrong) })
		})
	}
}

// plant puts the wrong items among sound ones, into several files, and holds what is told against it.
func plant(t *rapid.T, wrong []planted) {
	names := []string{stdinPath, "a.yaml", "b.yaml", "c.yaml"}[rapid.IntRange(0, 1).Draw(t, "from"):rapid.IntRange(2, 4).Draw(t, "to")]
	type line struct{ text, codes, pair string }
	content := map[string]map[string][]line{}
	for _, name := range names {
		content[name] = map[string][]line{}
	}
	home := rapid.SampledFrom(names).Draw(t, "targets in") // they may stand in one file only
	put := func(section, text, codes, pair string) {
		name := home
		if section != "targets" {
			name = rapid.SampledFrom(names).Draw(t, "file")
		}
		content[name][section] = append(content[name][section], line{text, codes, pair})
	}
	put("targets", `{ name: one, account: "111111111111", regions: [us-east-1] }`, "", "")
	put("targets", `{ name: two, account: "222222222222", regions: [eu-west-1], role_arn: "arn:aws:iam::222222222222:role/r" }`, "", "")
	put("targets", `{ name: org, organization: { role: r, regions: [us-east-1, eu-west-1] } }`, "", "")
	put("functions", `{ name: base, targets: [one, two], maximum_event_age_in_seconds: 120 }`, "", "")
	put("rules", `{ match: { functions: ["*"] }, set: { maximum_event_age_in_seconds: 120 } }`, "", "")
	put("require", `{ match: { functions: ["demanded*"] }, maximum_retry_attempts: { max: 1 }, maximum_event_age_in_seconds: { min: 120 } }`, "", "")
	places := map[string]Target{"one": {"111111111111", "us-east-1"}, "two": {"222222222222", "eu-west-1"}, "org": {"333333333333", "us-east-1"}}
	inv := Inventory{places["one"]: {}, places["two"]: {Functions: []string{"demanded"}}, places["org"]: {}, {"333333333333", "eu-west-1"}: {}}

	items := slices.Concat(rapid.SliceOfN(rapid.SampledFrom(sound), 0, 8).Draw(t, "sound"), rapid.SliceOfN(rapid.SampledFrom(wrong), 1, 6).Draw(t, "wrong"))
	for i, f := range items {
		account, pair := fmt.Sprintf("4%011d", i), ""
		// Its functions are all in one target, whichever: an item is not without effect because there
		// are others in which it has none.
		label := rapid.SampledFrom([]string{"one", "two", "org"}).Draw(t, "at")
		at := places[label]
		fill := strings.NewReplacer("%[1]d", fmt.Sprint(i), "%[2]s", account, "%[3]s", label)
		if f.again != "" {
			pair = fmt.Sprint(i)
			put(f.section, fill.Replace(f.again), f.codes, pair)
		}
		put(f.section, fill.Replace(f.item), f.codes, pair)
		inv[Target{account, "us-east-1"}], inv[Target{account, "us-eats-1"}] = TargetInventory{}, TargetInventory{}
		for suffix, k := range map[string]string{"": "v", "-x": "x", "-y": "yy", "-z": "v"} {
			inv.add(at, fmt.Sprintf("own%d%s", i, suffix), map[string]string{"k": k, "n": fmt.Sprint(i)}, "blue", "live-1")
		}
	}

	var want []string
	var stdin, all strings.Builder
	fsys, paths := fstest.MapFS{}, slices.Clone(names)
	seen := map[string]bool{}
	for _, name := range names {
		text, n := "version: 1\n", 1
		shown := strings.Replace(name, stdinPath, StdinName, 1)
		for _, section := range rapid.Permutation([]string{"targets", "functions", "rules", "ignore", "require"}).Draw(t, "sections") {
			lines := content[name][section]
			if len(lines) == 0 {
				continue
			}
			text, n = text+section+":\n", n+1
			for _, l := range rapid.Permutation(lines).Draw(t, "items") {
				text, n = text+"  - "+l.text+"\n", n+1
				if l.pair != "" && !seen[l.pair] {
					seen[l.pair] = true
					continue
				}
				for code := range strings.FieldsSeq(l.codes) {
					want = append(want, fmt.Sprintf("%s:%d %s", shown, n, code))
				}
			}
		}
		if name == stdinPath {
			stdin.WriteString(text)
		} else {
			fsys[name] = &fstest.MapFile{Data: []byte(text)}
		}
		fmt.Fprintf(&all, "--- %s\n%s", shown, text)
	}
	members := map[string][]Member{"org": {{Account: "333333333333"}}}
	var problems Problems
	d, err := Loader{Stdin: strings.NewReader(stdin.String())}.Load(fsys, rapid.Permutation(paths).Draw(t, "paths")...)
	if err == nil {
		var fleet Fleet
		fleet, err = d.WithMembers(members).Resolve(Target{}, inv, Selection{})
		problems = fleet.Warnings
	}
	if err != nil {
		problems = err.(Problems)
	}
	var got []string
	for _, p := range problems {
		got = append(got, fmt.Sprintf("%s:%d %s", p.Pos.File, p.Pos.Line, p.Code))
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s\n%s\n%s", diff, problems, all.String())
	}
}

// add puts a function into a target, in order.
func (inv Inventory) add(at Target, function string, tags map[string]string, aliases ...string) {
	found := inv[at]
	if found.Tags == nil {
		found.Tags, found.Aliases = map[string]map[string]string{}, map[string][]string{}
	}
	found.Functions = append(found.Functions, function)
	slices.Sort(found.Functions)
	found.Tags[function], found.Aliases[function] = tags, aliases
	inv[at] = found
}
