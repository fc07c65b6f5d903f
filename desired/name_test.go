package desired

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNameForms(t *testing.T) {
	const arn = "arn:aws:lambda:us-east-1:111111111111:function:orders"
	for _, row := range []struct {
		why, name string
		want      ParsedName
	}{
		{"a plain name", "orders", ParsedName{Function: "orders"}},
		{"with an alias", "orders:live", ParsedName{Function: "orders", Qualifier: "live"}},
		{"with a version", "orders:7", ParsedName{Function: "orders", Qualifier: "7"}},
		{"with $LATEST", "orders:$LATEST", ParsedName{Function: "orders", Qualifier: Latest}},
		{"an alias called latest is not $LATEST", "orders:latest", ParsedName{Function: "orders", Qualifier: "latest"}},
		{"a partial ARN", "111111111111:function:orders", ParsedName{Account: "111111111111", Function: "orders"}},
		{"a partial ARN with an alias", "111111111111:function:orders:live", ParsedName{Account: "111111111111", Function: "orders", Qualifier: "live"}},
		{"a shorter partial form", "function:orders:live", ParsedName{Function: "orders", Qualifier: "live"}},
		{"a function called function", "function", ParsedName{Function: "function"}},
		{"a full ARN", arn, ParsedName{"aws", "us-east-1", "111111111111", "orders", ""}},
		{"a qualified ARN", arn + ":live", ParsedName{"aws", "us-east-1", "111111111111", "orders", "live"}},
		{"a region of the sovereign cloud", "arn:aws-eusc:lambda:eusc-de-east-1:111111111111:function:f", ParsedName{"aws-eusc", "eusc-de-east-1", "111111111111", "f", ""}},
		{"an isolated region", "arn:aws-iso-b:lambda:us-isob-east-1:111111111111:function:f", ParsedName{"aws-iso-b", "us-isob-east-1", "111111111111", "f", ""}},
		{"dots and underscores", "a.b_c-d", ParsedName{Function: "a.b_c-d"}},
	} {
		t.Run(row.why, func(t *testing.T) {
			if got, wrong := parseName(row.name); wrong != nil || got != row.want {
				t.Errorf("parseName(%q) = %+v, %+v", row.name, got, wrong)
			}
		})
	}
	for _, row := range []struct{ why, name, code string }{
		{"nothing", "", codeBadFunctionName},
		{"too many colons", "a:b:c", codeBadFunctionName},
		{"the ARN of something else", "arn:aws:sqs:us-east-1:111111111111:orders", codeBadFunctionName},
		{"an ARN without a name: Lambda would read a function called function", "arn:aws:lambda:us-east-1:111111111111:function", codeBadFunctionName},
		{"an ARN without region and account", "arn:aws:lambda:::function:orders", codeBadFunctionName},
		{"a layer", "arn:aws:lambda:us-east-1:111111111111:layer:orders", codeBadFunctionName},
		{"a space", "my function", codeBadFunctionName},
		{"a qualifier that is left empty", "orders:", codeBadQualifier},
		{"$latest", "orders:$latest", codeBadQualifier},
		{"longer than any name", strings.Repeat("a", 141), codeBadFunctionName},
		{"longer than any qualifier", "a:" + strings.Repeat("b", 129), codeBadQualifier},
	} {
		t.Run(row.why, func(t *testing.T) {
			if got, wrong := parseName(row.name); wrong == nil || wrong.code != row.code {
				t.Fatalf("parseName(%q) = %+v, %+v, want %s", row.name, got, wrong, row.code)
			} else if n, err := ParseName(row.name); err == nil || n != (ParsedName{}) || err.Error() != wrong.message+"; "+wrong.hint {
				t.Errorf("ParseName(%q) = %+v, %v", row.name, n, err)
			}
		})
	}
}

func drawTarget(t *rapid.T) Target {
	return Target{
		Account: rapid.SampledFrom([]string{"111111111111", "012345678901"}).Draw(t, "account"),
		Region:  rapid.SampledFrom([]string{"us-east-1", "eu-west-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1"}).Draw(t, "region"),
	}
}

func drawKey(t *rapid.T) Key {
	return Key{drawTarget(t), Name{
		Function:  rapid.StringMatching(`[a-zA-Z0-9_.-]{1,40}`).Draw(t, "function"),
		Qualifier: rapid.SampledFrom([]string{Latest, "live", "7", "latest", "$LATEST.PUBLISHED"}).Draw(t, "qualifier"),
	}}
}

// Every spelling of a key is that key, and the canonical spelling is its own.
func TestSpellingsAreOneKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := drawKey(t)
		spellings := []string{k.ARN(), k.Account + ":function:" + k.Function + ":" + k.Qualifier, k.Function + ":" + k.Qualifier}
		if k.Qualifier == Latest {
			spellings = append(spellings, k.Function, "function:"+k.Function, strings.TrimSuffix(k.ARN(), ":"+Latest))
		}
		for _, s := range spellings {
			n, wrong := parseName(s)
			if wrong != nil {
				t.Fatalf("%q: %s", s, wrong.message)
			}
			if n.Qualifier == "" {
				n.Qualifier = Latest
			}
			if got := (Name{n.Function, n.Qualifier}); got != k.Name || !n.in(k.Target) {
				t.Fatalf("%q is %v in %v, want %v", s, got, n, k)
			}
		}
	})
}
