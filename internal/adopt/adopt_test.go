package adopt

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/fleetfile"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

const targets = "version: 1\ntargets: [{ name: prod, account: \"111111111111\", regions: [eu-west-1, us-east-1] }, { name: dev, account: \"222222222222\", regions: [eu-west-1] }]\n"

// TestPatch shows the edit that each kind of place gets. In every world the functions a
// and b exist everywhere and hold on_failure none and the retries that live says, by
// ACCOUNT/REGION/NAME, ACCOUNT or NAME, or 2.
func TestPatch(t *testing.T) {
	for _, test := range []struct {
		why          string
		file, want   string
		live         map[string]int
		destinations map[string]string
		refused      string
	}{
		{why: "a value in quotes keeps them, and what stands behind it",
			file:         "version: 1\nfunctions:\n- name: a\n  on_failure: 'none'   # kept\n",
			want:         "version: 1\nfunctions:\n- name: a\n  on_failure: 'arn:aws:sqs:eu-west-1:111111111111:q'   # kept\n",
			destinations: map[string]string{"a": "arn:aws:sqs:eu-west-1:111111111111:q"}},
		{why: "the line of a rule changes where all of its functions agree, with ${function} where that makes them agree",
			file:         "version: 1\nrules:\n- match: {functions: ['*']}\n  set: {on_failure: none}\n",
			want:         "version: 1\nrules:\n- match: {functions: ['*']}\n  set: {on_failure: \"arn:aws:sqs:eu-west-1:111111111111:${function}-dlq\"}\n",
			destinations: map[string]string{"a": "arn:aws:sqs:eu-west-1:111111111111:a-dlq", "b": "arn:aws:sqs:eu-west-1:111111111111:b-dlq"}},
		{why: "else the one function gets an entry, in a section of its own where there is none, before the next document",
			file: "version: 1\nrules:\n- match: {functions: ['*']}\n  set: {maximum_retry_attempts: 2}\n---\n# nothing\n",
			want: "version: 1\nrules:\n- match: {functions: ['*']}\n  set: {maximum_retry_attempts: 2}\nfunctions:\n  - name: b\n    maximum_retry_attempts: 0\n---\n# nothing\n",
			live: map[string]int{"b": 0}},
		{why: "JSON stays JSON",
			file: `{"version": 1, "defaults": {"maximum_retry_attempts": 2}, "functions": [{"name": "a"}, {"name": "b", "on_success": "none"}]}`,
			want: `{"version": 1, "defaults": {"maximum_retry_attempts": 2}, "functions": [{"name": "a"}, {"name": "b", "on_success": "none", "maximum_retry_attempts": 1}]}`,
			live: map[string]int{"b": 1}},
		{why: "an entry for several targets is split where they come to differ: by label",
			file: targets + "functions:\n- name: a\n  maximum_retry_attempts: 2 # two\n",
			want: targets + "functions:\n- name: a\n  maximum_retry_attempts: 2 # two\n  targets: [prod]\n- name: a\n  targets: [dev]\n  maximum_retry_attempts: 0\n",
			live: map[string]int{"222222222222": 0}},
		{why: "and by ARN where a label has other regions too",
			file: targets + "functions:\n- {name: a, targets: [prod], maximum_retry_attempts: 2}\n",
			want: targets + "functions:\n- {name: arn:aws:lambda:eu-west-1:111111111111:function:a, targets: [prod], maximum_retry_attempts: 2}\n- { name: arn:aws:lambda:us-east-1:111111111111:function:a, maximum_retry_attempts: 0 }\n",
			live: map[string]int{"111111111111/us-east-1/a": 0}},
		{why: "a list of labels loses one",
			file: targets + "functions:\n- name: a\n  targets:\n    - prod\n    - dev # too\n  maximum_retry_attempts: 2\n",
			want: targets + "functions:\n- name: a\n  targets:\n    - prod\n  maximum_retry_attempts: 2\n- name: a\n  targets: [dev]\n  maximum_retry_attempts: 0\n",
			live: map[string]int{"222222222222": 0}},
		{why: "a value that has an anchor is said by others as well",
			file:    "version: 1\nfunctions:\n- {name: a, maximum_retry_attempts: &r 2}\n- {name: b, maximum_retry_attempts: *r}\n",
			live:    map[string]int{"a": 0},
			refused: "fleet.yaml:3: an anchor or alias makes other places of the file say the same"},
		{why: "and the alias itself can be written out",
			file: "version: 1\nfunctions:\n- {name: a, maximum_retry_attempts: &r 2}\n- {name: b, maximum_retry_attempts: *r}\n",
			want: "version: 1\nfunctions:\n- {name: a, maximum_retry_attempts: &r 2}\n- {name: b, maximum_retry_attempts: 1}\n",
			live: map[string]int{"b": 1}},
		{why: "settings that two rules share are left alone, and the functions get entries",
			file: "version: 1\nrules:\n- {match: {functions: [a]}, set: &s {maximum_retry_attempts: 2}}\n- {match: {functions: [b]}, set: *s}\n",
			want: "version: 1\nrules:\n- {match: {functions: [a]}, set: &s {maximum_retry_attempts: 2}}\n- {match: {functions: [b]}, set: *s}\nfunctions:\n  - name: a\n    maximum_retry_attempts: 0\n",
			live: map[string]int{"a": 0}},
		{why: "every line break of YAML counts, and columns are characters",
			file: "version: 1\u2028# überall\nfunctions: [{name: a, on_success: none, # ü\u2028  maximum_retry_attempts: 2}]",
			want: "version: 1\u2028# überall\nfunctions: [{name: a, on_success: none, # ü\u2028  maximum_retry_attempts: 0}]",
			live: map[string]int{"a": 0}},
		{why: "a section in brackets that end with a comma gets no other, whatever is between",
			file: "{version: 1, rules: [{match: {functions: ['*']}, set: {maximum_retry_attempts: 2}}], # all\n}\n",
			want: "{version: 1, rules: [{match: {functions: ['*']}, set: {maximum_retry_attempts: 2}}], # all\n functions: [{name: b, maximum_retry_attempts: 0}]}\n",
			live: map[string]int{"b": 0}},
		{why: "what no fleet file may say is named, whatever is not set before it",
			file:    "version: 1\nfunctions:\n- {name: a, on_failure: none}\n",
			refused: "on_failure arn:aws:lambda:eu-west-1:111111111111:function:a cannot be declared: ", destinations: map[string]string{"a": "arn:aws:lambda:eu-west-1:111111111111:function:a"}},
		{why: "a value over several lines is named",
			file:    "version: 1\nfunctions:\n- name: a\n  on_failure: >-\n    none\n",
			refused: "fleet.yaml:4: this value cannot be edited", destinations: map[string]string{"a": "arn:aws:s3:::bucket"}},
	} {
		t.Run(test.why, func(t *testing.T) {
			c := fleetCase{files: map[string][]byte{"fleet.yaml": []byte(test.file)}, ambient: desired.Target{Account: "111111111111", Region: "eu-west-1"}, world: desired.Inventory{}}
			in, err := c.input()
			if err != nil {
				t.Fatal(err)
			}
			specs, err := in.Document.Targets(c.ambient)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range specs {
				seen := reconcile.ObservedTarget{Target: spec.Target}
				for _, name := range []string{"a", "b"} {
					var s reconcile.Settings
					for where, n := range test.live {
						if where == name || where == spec.Account || where == spec.Target.String()+"/"+name {
							s[desired.MaximumRetryAttempts] = desired.Number(n)
						}
					}
					if to := test.destinations[name]; to != "" {
						s[desired.OnFailure] = desired.Text(to)
					}
					seen.Functions = append(seen.Functions, reconcile.ObservedFunction{Function: name, State: reconcile.FunctionPresent,
						Records: []reconcile.ObservedRecord{{Qualifier: desired.Latest, Settings: &s}}})
				}
				c.world[spec.Target] = desired.TargetInventory{Functions: []string{"a", "b"}}
				in.Observed.Targets = append(in.Observed.Targets, seen)
			}
			fleet, err := in.Document.Resolve(c.ambient, c.world, desired.Selection{})
			if err != nil {
				t.Fatal(err)
			}
			in.Plan = reconcile.NewPlan(fleet, in.Observed)
			result, err := Patch(in)
			if err != nil {
				t.Fatal(err)
			}
			if test.refused != "" {
				if len(result.Files) > 0 || len(result.Refused) != 1 || !strings.Contains(result.Refused[0].Err.Error(), test.refused) {
					t.Fatalf("%d files, refused %q, want %s", len(result.Files), errs(result), test.refused)
				}
				return
			}
			if len(result.Refused) > 0 || len(result.Files) != 1 {
				t.Fatalf("refused %v, files %d", result.Refused, len(result.Files))
			}
			if diff := cmp.Diff(test.want, string(result.Files[0].After)); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

// TestOneAttemptIsEnough: what is to be adopted is written in as many rounds as one config needs,
// however many there are. Without that it would be found by halves, one by one.
func TestOneAttemptIsEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ambient := desired.Target{Account: "111111111111", Region: "eu-west-1"}
		file, world, seen := "version: 1\nguard: {max_deletes: 100%}\nundeclared: delete\nfunctions:\n", desired.TargetInventory{}, reconcile.ObservedTarget{Target: ambient}
		n := rapid.IntRange(1, 3*maxRounds).Draw(t, "functions")
		for i := range n {
			name := fmt.Sprintf("f%02d", i)
			qualifier := desired.Latest
			switch rapid.IntRange(0, 2).Draw(t, name) {
			case 0: // differs
				file += "- {name: " + name + ", maximum_retry_attempts: 2}\n"
			case 1: // is there, and is to be removed
				file += "- {name: " + name + ", remove: true}\n"
			default: // is there, and undeclared
				file += "- {name: " + name + ", maximum_retry_attempts: 2}\n"
				qualifier = "7"
			}
			world.Functions = append(world.Functions, name)
			records := []reconcile.ObservedRecord{{Qualifier: qualifier, Settings: &reconcile.Settings{desired.MaximumRetryAttempts: desired.Number(0)}}}
			seen.Functions = append(seen.Functions, reconcile.ObservedFunction{Function: name, State: reconcile.FunctionPresent, Records: records})
		}
		files := map[string][]byte{"fleet.yaml": []byte(file)}
		document, err := load(files)
		if err != nil {
			t.Fatal(err)
		}
		in := Input{Document: document, Ambient: ambient, Inventory: desired.Inventory{ambient: world}, Observed: reconcile.Observed{Targets: []reconcile.ObservedTarget{seen}}}
		fleet, err := document.Resolve(ambient, in.Inventory, desired.Selection{})
		if err != nil {
			t.Fatal(err)
		}
		var keys []desired.Key
		for _, c := range reconcile.NewPlan(fleet, in.Observed).Targets[0].Changes {
			keys = append(keys, desired.Key{Target: ambient, Name: c.Name})
		}
		p := patcher{in: in, probe: fleetfile.NewProbe()}
		if _, err := p.attempt(files, keys, true); err != nil || len(keys) < n {
			t.Fatalf("%d of %d configs in one attempt: %v\n%s", len(keys), n, err, file)
		}
	})
}

// A file that was changed between its reading and the edit is not edited.
func TestAChangedFileIsLeftAlone(t *testing.T) {
	c := fleetCase{files: map[string][]byte{"fleet.yaml": []byte("version: 1\nfunctions: [{name: a, on_success: none}]\n")}}
	in, err := c.input()
	if err != nil {
		t.Fatal(err)
	}
	c.files["fleet.yaml"] = append(c.files["fleet.yaml"], '#')
	if _, err := Patch(in); err == nil || !strings.Contains(err.Error(), "fleet.yaml was changed") {
		t.Fatal(err)
	}
}

func errs(r Result) (texts []string) {
	for _, refused := range r.Refused {
		texts = append(texts, refused.Err.Error())
	}
	return texts
}
