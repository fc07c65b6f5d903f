package desired

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestValidFixtures(t *testing.T) {
	fixtures, err := filepath.Glob("testdata/valid/*.yaml")
	if err != nil || len(fixtures) == 0 {
		t.Fatal(err, fixtures)
	}
	for _, f := range fixtures {
		t.Run(filepath.Base(f), func(t *testing.T) {
			d := mustLoad(t, os.DirFS("testdata/valid"), filepath.Base(f))
			inv := Inventory{}
			places, err := d.Targets(east)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range places {
				inv[p.Target] = found("batch-day-1", "batch-night-2-test", "orders", "payments-1", "x-canary")
			}
			fleet := mustResolve(t, d, east, inv)
			got := strings.Join(lines(fleet), "\n") + "\n"
			for _, w := range fleet.Warnings {
				got += w.Error() + "\n"
			}
			compareGolden(t, strings.TrimSuffix(f, ".yaml")+".golden", got)
		})
	}
}

// docs/problems.md is made from the table of codes: run the test with -update.
func TestProblemReferenceIsCurrent(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Problem codes\n\n" +
		"<!-- made from desired/codes.txt by: go test ./desired -update -->\n\n" +
		"`eventinvoke explain EI007` prints the same, with a wrong and a right file. A warning stops nothing, unless `--strict` is given.\n\n")
	for _, code := range Codes() {
		e, _ := Explain(code)
		warning := map[string]string{severityWarning: " (warning)"}[e.Severity]
		fmt.Fprintf(&b, "- **%s %s**%s: %s\n", e.Code, e.Title, warning, e.Text)
	}
	compareGolden(t, "../docs/problems.md", b.String())
}

const fleetFilePage = "../docs/fleet-file.md"

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// Every example of the page loads and resolves.
func TestExamplesOfTheFormatPage(t *testing.T) {
	page, err := os.ReadFile(fleetFilePage)
	if err != nil {
		t.Fatal(err)
	}
	blocks := yamlBlock.FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 5 {
		t.Fatalf("only %d examples were found", len(blocks))
	}
	for _, m := range blocks {
		d, err := Load(oneFile(m[1]), "fleet.yaml")
		if err != nil {
			t.Errorf("%v in the example:\n%s", err, m[1])
			continue
		}
		if _, err := d.Resolve(Target{}, nil, Selection{}); err != nil {
			t.Errorf("%v in the example:\n%s", err, m[1])
		}
	}
}

const keysBegin, keysEnd = "<!-- keys: made from the schema -->\n", "<!-- end of keys -->\n"

// The list of keys on the page is made from the schema: run with -update.
func TestKeysOfTheFormatPage(t *testing.T) {
	page, err := os.ReadFile(fleetFilePage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(page), keysBegin)
	_, after, ok2 := strings.Cut(rest, keysEnd)
	if !ok1 || !ok2 {
		t.Fatal("the page has no marks for the list of keys")
	}
	var root map[string]any
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	var keys []*keysAlike
	collectKeys(&keys, "", root, fleetFile.keys())
	var b strings.Builder
	for _, k := range keys {
		fmt.Fprintf(&b, "- `%s` (%s): %s\n", strings.Join(k.paths, "`, `"), k.kind, k.meaning)
	}
	compareGolden(t, fleetFilePage, before+keysBegin+"\n"+b.String()+"\n"+keysEnd+after)
}

// keysAlike are keys of which the page says the same once.
type keysAlike struct {
	paths         []string
	kind, meaning string
}

func collectKeys(keys *[]*keysAlike, path string, schema map[string]any, order []string) {
	properties, _ := schema["properties"].(map[string]any)
	if order == nil {
		order = slices.Sorted(maps.Keys(properties))
	}
	required, _ := schema["required"].([]any)
	for _, key := range order {
		p := properties[key].(map[string]any)
		kind, meaning := describeKind(p), fmt.Sprint(p["description"])
		if slices.Contains(required, any(key)) {
			kind += ", required"
		}
		alike := func(k *keysAlike) bool { return k.kind == kind && k.meaning == meaning }
		if i := slices.IndexFunc(*keys, alike); i >= 0 {
			(*keys)[i].paths = append((*keys)[i].paths, path+key)
		} else {
			*keys = append(*keys, &keysAlike{[]string{path + key}, kind, meaning})
		}
		switch {
		case p["properties"] != nil:
			collectKeys(keys, path+key+".", p, nil)
		case p["anyOf"] != nil:
			for _, k := range p["anyOf"].([]any) {
				if k.(map[string]any)["properties"] != nil {
					collectKeys(keys, path+key+".", k.(map[string]any), nil)
				}
			}
		case p["items"] != nil:
			collectKeys(keys, path+key+"[].", p["items"].(map[string]any), nil)
		}
	}
}

func describeKind(p map[string]any) string {
	switch {
	case p["const"] != nil:
		return fmt.Sprint(p["const"])
	case p["enum"] != nil:
		var options []string
		for _, o := range p["enum"].([]any) {
			options = append(options, "`"+o.(string)+"`")
		}
		return strings.Join(options, " or ")
	case p["anyOf"] != nil && p["type"] == nil:
		var kinds []string
		for _, k := range p["anyOf"].([]any) {
			kinds = append(kinds, describeKind(k.(map[string]any)))
		}
		return strings.Replace(strings.Join(kinds, " or "), fmt.Sprintf("0 to %v or string", float64(maxLimit)), "number or share", 1)
	case p["type"] == "array":
		item := p["items"].(map[string]any)
		if item["type"] == "object" {
			return "list"
		}
		return "strings"
	case p["type"] == "object" && p["properties"] == nil:
		return "mapping of " + strings.NewReplacer("strings", "lists", "string", "strings").Replace(describeKind(p["additionalProperties"].(map[string]any)))
	case p["type"] == "object":
		return "mapping"
	case p["type"] == "string":
		return "string"
	case p["type"] == "boolean":
		return "true or false"
	}
	switch {
	case p["maximum"] != nil && p["minimum"] != nil:
		return fmt.Sprintf("%v to %v", p["minimum"], p["maximum"])
	case p["exclusiveMinimum"] != nil:
		return fmt.Sprintf("more than %v", p["exclusiveMinimum"])
	}
	return "number"
}
