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
	codeRemoveWithSettings: "kept to one rule a key",
	codeLongFunctionName:   "a warning",
	codeDestinationTooLong: "the length counts with placeholders filled in",
	codeBadARN:             "ARNs are taken apart by code",
	codeUnknownPlaceholder: "placeholders are read by code",
	codeFIFOQueue:          "ARNs are taken apart by code",
	codeFIFOTopic:          "ARNs are taken apart by code",
	codeS3OnSuccess:        "ARNs are taken apart by code",
	codeUnsupportedService: "ARNs are taken apart by code",
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
		} else if refused && beyond && !slices.Contains([]string{codeDuplicateKey, codeSyntax, codeUnreadable, codeMergeKey, codeBadARN}, code) {
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
