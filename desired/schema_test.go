package desired

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"
)

// beyondSchema are the codes that no schema can find, with the reason.
var beyondSchema = map[string]string{
	codeDuplicateKey:       "a YAML reader drops or refuses the second key before the schema sees it",
	codeSyntax:             "there is no value to look at",
	codeUnreadable:         "there is no value to look at",
	codeNoSuchPath:         "there is no file",
	codeTooLarge:           "it is about the file, not about what it says",
	codeTooManyAliases:     "aliases are gone once the file is read",
	codeMergeKey:           "merge keys are gone once the file is read",
	codeNotInteger:         "1e3 and 1000 are one number in JSON",
	codeSecondSection:      "it is about several documents",
	codeNoEntries:          "rules and functions may be in another file",
	codeAgainstRequirement: "an entry is compared with a requirement",
	codeManagesNothing:     "defaults and rules elsewhere may set the fields",
	codeBadRole:            "the role is compared with the account",
	codeDuplicateTarget:    "items are compared with each other",
	codeUnknownLabel:       "labels are declared elsewhere",
	codeStrayExternalID:    "kept to one rule a key",
	codeMixedPartitions:    "regions are compared with each other",
	codeDuplicateItem:      "kept to one rule a key",
	codeBadFunctionName:    "the forms of a name are taken apart by code",
	codeQualifiersDisagree: "the name is taken apart by code",
	codeNotATarget:         "targets are declared elsewhere",
	codeDuplicateEntry:     "items are compared with each other",
	codeExpired:            "it needs to know what day it is",
	codeUnknownVariable:    "variables are declared elsewhere",
	codeRemoveWithSettings: "kept to one rule a key",
	codeLongFunctionName:   "a warning",
	codeOwnDestination:     "the destination is compared with the name",
	codeDestinationLoop:    "entries are compared with each other",
	codeOtherRegion:        "the destination is compared with the target",
	codeOtherAccountBus:    "the destination is compared with the target",
	codeOtherPartition:     "the destination is compared with the target",
	codeSameFunction:       "the destination is compared with the name",
	codeBadGlob:            "patterns are compiled by code",
	codeRuleConflict:       "files are compared with each other",
	codeIdleRule:           "it needs to know what exists",
	codeNoEffect:           "it needs to know what exists",
	codeEmptyTarget:        "it needs to know what exists",
	codeUnknownRegion:      "a warning",
	codeMayDisagree:        "files are compared with each other",
	codeIgnoreDeclared:     "sections are compared with each other",
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(schemaID, value); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(schemaID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON is what an editor hands to its validator.
func asJSON(text []byte) (any, error) {
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		return nil, err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(b))
}

func TestSchemaAgreesWithLoad(t *testing.T) {
	schema := compileSchema(t)
	valid, _ := filepath.Glob("testdata/valid/*.yaml")
	for _, f := range valid {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		v, err := asJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%s is accepted by Load: %v", f, err)
		}
	}
	invalid, _ := filepath.Glob("testdata/problems/*.yaml")
	seen := map[string]bool{}
	for _, f := range invalid {
		code := filepath.Base(f)[:len("EI000")]
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		refused := false
		if v, err := asJSON(text); err != nil || schema.Validate(v) != nil {
			refused = true
		}
		seen[code] = true
		if why, beyond := beyondSchema[code]; !refused && !beyond {
			t.Errorf("%s is accepted by the schema; if it cannot do better, say why in beyondSchema", f)
		} else if refused && beyond && !slices.Contains([]string{codeDuplicateKey, codeSyntax, codeUnreadable, codeMergeKey}, code) {
			t.Errorf("%s is refused by the schema although it is said that it cannot: %s", f, why)
		}
	}
	for _, code := range Codes() {
		if !seen[code] && beyondSchema[code] == "" {
			t.Errorf("%s has no fixture that the schema could be tried on", code)
		}
	}
}

// Editors show the descriptions, so no key may lack one.
func TestSchemaDescribesEveryKey(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	keys := 0
	var walk func(path string, schema map[string]any)
	walk = func(path string, schema map[string]any) {
		properties, _ := schema["properties"].(map[string]any)
		for key, p := range properties {
			keys++
			property := p.(map[string]any)
			if d, _ := property["description"].(string); !strings.HasSuffix(d, ".") {
				t.Errorf("%s.%s has no description", path, key)
			}
			walk(path+"."+key, property)
		}
		if items, ok := schema["items"].(map[string]any); ok {
			walk(path+"[]", items)
		}
	}
	walk("", root)
	if keys < 40 {
		t.Errorf("only %d keys were found", keys)
	}
}

// What an editor accepts for one destination, Load accepts too, and the other way
// round; but for lengths, which count with placeholders filled in, and for the ends
// of a bucket's name.
func TestSchemaAndLoaderTakeTheSameDestinations(t *testing.T) {
	schema := compileSchema(t)
	part := func(t *rapid.T, of string, options ...string) string { return rapid.SampledFrom(options).Draw(t, of) }
	rapid.Check(t, func(t *rapid.T) {
		service := part(t, "service", "sqs", "sns", "lambda", "events", "s3", "kinesis", "")
		name := rapid.StringMatching(`([a-z0-9]|\$\{(account|region|partition|reg|)\}|[A-Z_./$:-]){0,5}`).Draw(t, "name")
		destination := "arn:" + part(t, "partition", "aws", "aws-cn", "azure", "${partition}", "${region}") + ":" + service + ":" +
			part(t, "region", "us-east-1", "useast", "${region}", "eu-${region}", "") + ":" +
			part(t, "account", "111111111111", "1111", "${account}", "") + ":" +
			part(t, "kind", "", "function:", "event-bus/", "rule/") + name + part(t, "end", "", ".fifo", ":live", ":$LATEST")
		f := rapid.SampledFrom([]Setting{OnSuccess, OnFailure}).Draw(t, "setting")
		wrong := destinationUse{f, destination}.check()
		v := map[string]any{"version": 1.0, "functions": []any{map[string]any{"name": "orders", f.String(): destination}}}
		err := schema.Validate(v)
		if service == "s3" && err == nil && wrong != nil && wrong.code == codeBadARN {
			return
		}
		if (err == nil) != (wrong == nil) {
			t.Fatalf("%s %q: the schema says %v, Load %+v", f, destination, err, wrong)
		}
	})
}
