package importer

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
)

// fact is what a source declares outright.
type fact struct {
	desired.Name
	settings [desired.NumSettings]string
}

// someValues are what a source may say; "" where it is silent. A state of Terraform always has
// the retries.
var someValues [desired.NumSettings][]string = [...][]string{
	desired.MaximumRetryAttempts:     {"0", "1", "2"},
	desired.MaximumEventAgeInSeconds: {"", "60", "21600"},
	desired.OnSuccess:                {"", "arn:aws:events:eu-west-1:111111111111:event-bus/done"},
	desired.OnFailure:                {"", "arn:aws:sqs:eu-west-1:111111111111:dlq", "arn:aws:s3:::failures"},
}

func drawFacts(t *rapid.T) []fact {
	names := []string{"orders", "on", "0123", "a_b-c", "Report", "null"}
	facts := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) (f fact) {
		f.Function = rapid.SampledFrom(names).Draw(t, "function")
		f.Qualifier = rapid.SampledFrom([]string{desired.Latest, desired.Latest, "live", "7"}).Draw(t, "qualifier")
		for i, values := range someValues {
			f.settings[i] = rapid.SampledFrom(values).Draw(t, desired.Setting(i).String())
		}
		return f
	}), 1, 6, func(f fact) desired.Name { return f.Name }).Draw(t, "facts")
	slices.SortFunc(facts, func(a, b fact) int { return a.Name.Compare(b.Name) })
	return facts
}

// object leaves out what is empty.
func object(pairs ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		switch v := pairs[i+1].(type) {
		case string:
			if v == "" {
				continue
			}
		case map[string]any:
			if len(v) == 0 {
				continue
			}
		case json.Number:
			if v == "" {
				continue
			}
		}
		m[pairs[i].(string)] = pairs[i+1]
	}
	return m
}

func (f *fact) number(s desired.Setting) json.Number { return json.Number(f.settings[s]) }

func (f *fact) terraform() map[string]any {
	to := []any{}
	if f.settings[desired.OnSuccess] != "" || f.settings[desired.OnFailure] != "" {
		one := map[string]any{"on_failure": []any{}, "on_success": []any{}}
		for s, key := range map[desired.Setting]string{desired.OnSuccess: "on_success", desired.OnFailure: "on_failure"} {
			if f.settings[s] != "" {
				one[key] = []any{map[string]any{"destination": f.settings[s]}}
			}
		}
		to = []any{one}
	}
	a := object("function_name", f.Function, "qualifier", f.Qualifier, "maximum_event_age_in_seconds", f.number(desired.MaximumEventAgeInSeconds),
		"maximum_retry_attempts", f.number(desired.MaximumRetryAttempts), "id", f.Name.String())
	a["destination_config"] = to
	return a
}

// the forms in which the same facts can be declared.
var forms = map[string]func([]fact) any{
	"state": func(facts []fact) any {
		var instances []any
		for i := range facts {
			instances = append(instances, map[string]any{"index_key": facts[i].Name.String(), "attributes": facts[i].terraform()})
		}
		return map[string]any{"version": 4, "terraform_version": "1.11.4", "resources": []any{
			map[string]any{"mode": "managed", "type": "aws_lambda_function", "name": "f", "instances": []any{map[string]any{"attributes": map[string]any{}}}},
			map[string]any{"mode": "managed", "module": "module.all", "type": invokeConfig, "name": "this", "instances": instances},
		}}
	},
	"show": func(facts []fact) any {
		var resources []any
		for i := range facts {
			resources = append(resources, map[string]any{"address": fmt.Sprintf("%s.this[%d]", invokeConfig, i), "mode": "managed", "type": invokeConfig, "values": facts[i].terraform()})
		}
		return map[string]any{"format_version": "1.0", "values": map[string]any{"root_module": map[string]any{"child_modules": []any{map[string]any{"resources": resources}}}}}
	},
	"template": func(facts []fact) any {
		resources := map[string]any{}
		for i := range facts {
			f := &facts[i]
			resources[fmt.Sprintf("Invoke%d", i)] = map[string]any{"Type": "AWS::Lambda::EventInvokeConfig", "Properties": object(
				"FunctionName", map[string]any{"Ref": "Fn" + fmt.Sprint(i)}, "Qualifier", f.Qualifier,
				"MaximumRetryAttempts", f.number(desired.MaximumRetryAttempts), "MaximumEventAgeInSeconds", f.number(desired.MaximumEventAgeInSeconds),
				"DestinationConfig", object("OnSuccess", object("Destination", f.settings[desired.OnSuccess]), "OnFailure", object("Destination", f.settings[desired.OnFailure])),
			)}
			resources[fmt.Sprintf("Fn%d", i)] = map[string]any{"Type": "AWS::Lambda::Function", "Properties": map[string]any{"FunctionName": f.Function}}
		}
		return map[string]any{"Resources": resources}
	},
	"sam": func(facts []fact) any {
		resources := map[string]any{}
		for i := range facts {
			f := &facts[i]
			alias := f.Qualifier
			if alias == desired.Latest {
				alias = ""
			}
			to := func(s desired.Setting) map[string]any {
				return object("Type", strings.TrimPrefix("SQS", f.settings[s]), "Destination", f.settings[s])
			}
			config := object("MaximumRetryAttempts", f.number(desired.MaximumRetryAttempts), "MaximumEventAgeInSeconds", f.number(desired.MaximumEventAgeInSeconds),
				"DestinationConfig", map[string]any{"OnSuccess": given(f.settings[desired.OnSuccess], to(desired.OnSuccess)), "OnFailure": given(f.settings[desired.OnFailure], to(desired.OnFailure))})
			resources[fmt.Sprintf("Fn%d", i)] = map[string]any{"Type": "AWS::Serverless::Function", "Properties": object(
				"FunctionName", map[string]any{"Fn::Join": []any{"", []any{f.Function[:1], f.Function[1:]}}}, "AutoPublishAlias", alias, "EventInvokeConfig", config)}
		}
		return map[string]any{"Transform": "AWS::Serverless-2016-10-31", "Resources": resources}
	},
	"serverless": func(facts []fact) any {
		functions := map[string]any{}
		for i := range facts {
			f := &facts[i]
			functions[fmt.Sprintf("fn%d", i)] = object("name", f.Function,
				"maximumRetryAttempts", f.number(desired.MaximumRetryAttempts), "maximumEventAge", f.number(desired.MaximumEventAgeInSeconds),
				"destinations", object("onSuccess", f.settings[desired.OnSuccess], "onFailure", object("type", given(f.settings[desired.OnFailure], "sqs"), "arn", f.settings[desired.OnFailure])))
		}
		return map[string]any{"service": "shop", "functions": functions}
	},
}

func given[T any](s string, v T) T {
	if s == "" {
		var none T
		return none
	}
	return v
}

// TestTheFleetIsWhatTheSourceDeclares holds what an import declares against the facts,
// in every form in which they can stand.
func TestTheFleetIsWhatTheSourceDeclares(t *testing.T) {
	for form, source := range forms {
		t.Run(form, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				facts := drawFacts(t)
				if form == "serverless" { // which knows $LATEST alone
					facts = slices.DeleteFunc(facts, func(f fact) bool { return f.Qualifier != desired.Latest })
					if len(facts) == 0 {
						t.Skip("no fact")
					}
				}
				data, err := json.Marshal(source(facts))
				if err != nil {
					t.Fatal(err)
				}
				var o Options
				if form == "state" || form == "show" { // where a queue tells the region, and nothing the account
					o.Targets = []desired.Target{{Account: "111111111111", Region: "eu-west-1"}}
				}
				r, err := Run([]Source{{form, data}}, o)
				if err != nil {
					t.Fatalf("%v\n%s", err, data)
				}
				if diff := cmp.Diff(facts, factsOf(loaded(t, r)), cmp.AllowUnexported(fact{})); diff != "" || r.Open != 0 {
					t.Fatalf("%d open\n%s\n%s\n%s", r.Open, diff, data, r.Text)
				}
			})
		})
	}
}

// factsOf is what a fleet of one target declares.
func factsOf(fleet desired.Fleet) (facts []fact) {
	for _, e := range fleet.Targets[0].Entries {
		f := fact{Name: e.Name}
		for s, v := range e.Want {
			if v.IsSet() {
				f.settings[s] = v.String()
			}
		}
		facts = append(facts, f)
	}
	return facts
}

// TestOneDeclarationTakesNoOtherWithIt: what is no line of a fleet file is a comment, alone,
// wherever it stands among the others.
func TestOneDeclarationTakesNoOtherWithIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := drawFacts(t)
		instance := func(f fact, more ...any) any { return object(append(more, "attributes", f.terraform())...) }
		named := func(function string) fact {
			f := facts[0]
			f.Function = function
			return f
		}
		several := func(what string) int { return rapid.IntRange(0, 2).Draw(t, what) }
		var first, later []any
		for _, f := range facts {
			first = append(first, instance(f))
		}
		for range several("deposed") {
			first = append(first, instance(named("deposed"), "deposed", "0a1b2c3d"))
		}
		open := 0
		for range several("nameless") {
			first, open = append(first, instance(named(""))), open+1
		}
		for i := range several("misnamed") {
			first, open = append(first, instance(named(fmt.Sprint("no name!", i)))), open+1
		}
		for i := range several("too young") {
			f := named(fmt.Sprint("young", i))
			f.settings[desired.MaximumEventAgeInSeconds] = "1"
			first, open = append(first, instance(f)), open+1
			f.settings[desired.MaximumEventAgeInSeconds] = ""
			facts = append(facts, f)
		}
		doubles := several("doubles")
		for i := range doubles {
			later = append(later, instance(facts[i%len(facts)]))
		}
		if several("nameless among doubles") > 0 {
			later, open = append(later, instance(named(""))), open+1
		}
		resource := stated("", invokeConfig, nil)
		resource["instances"] = append(rapid.Permutation(first).Draw(t, "first"), rapid.Permutation(later).Draw(t, "later")...)
		data, err := json.Marshal(map[string]any{"version": 4, "terraform_version": "1.11.4", "resources": []any{resource}})
		if err != nil {
			t.Fatal(err)
		}
		r, err := Run([]Source{{"state", data}}, Options{Targets: []desired.Target{{Account: "111111111111", Region: "eu-west-1"}}})
		if err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		slices.SortFunc(facts, func(a, b fact) int { return a.Name.Compare(b.Name) })
		if diff := cmp.Diff(facts, factsOf(loaded(t, r)), cmp.AllowUnexported(fact{})); diff != "" || r.Open != open+doubles {
			t.Fatalf("%d open, want %d and %d doubles\n%s\n%s\n%s", r.Open, open, doubles, diff, data, r.Text)
		}
		if n := strings.Count(string(r.Text), "declared already by"); n != doubles {
			t.Fatalf("%d doubles are called so, want %d\n%s", n, doubles, r.Text)
		}
	})
}

// TestServerlessPartsAreFound: functions may stand in several mappings, and merge what they have
// in common after what is their own.
func TestServerlessPartsAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		text.WriteString("service: shop\nhandled: &handled { handler: a.b }\nretried: &retried { maximumRetryAttempts: 1 }\nfunctions:\n")
		n := rapid.IntRange(2, 5).Draw(t, "functions")
		var want []fact
		for i := range n {
			head := "    "
			if i == 0 || rapid.Bool().Draw(t, "another mapping") {
				head = "  - "
			}
			to := (i + rapid.IntRange(1, n-1).Draw(t, "to")) % n // Lambda refuses the function itself
			fmt.Fprintf(&text, "%sfn%d: { name: fn%d, <<: %s, destinations: { onFailure: fn%d } }\n", head, i, i,
				rapid.SampledFrom([]string{"*retried", "[*handled, *retried]"}).Draw(t, "merged"), to)
			f := fact{Name: desired.Name{Function: fmt.Sprint("fn", i), Qualifier: desired.Latest}}
			f.settings[desired.MaximumRetryAttempts] = "1"
			f.settings[desired.OnFailure] = fmt.Sprint("arn:aws:lambda:eu-west-1:111111111111:function:fn", to)
			want = append(want, f)
		}
		r, err := Run([]Source{{"serverless.yml", []byte(text.String())}}, Options{})
		if err != nil {
			t.Fatalf("%v\n%s", err, &text)
		}
		if diff := cmp.Diff(want, factsOf(loaded(t, r)), cmp.AllowUnexported(fact{})); diff != "" || r.Open != 0 {
			t.Fatalf("%d open\n%s\n%s\n%s", r.Open, diff, &text, r.Text)
		}
	})
}

// invokes is a resource of a state, with the provider of an alias.
func invokes(alias, function string, more ...any) map[string]any {
	return stated(alias, invokeConfig, object(append([]any{"function_name", function, "maximum_retry_attempts", 0}, more...)...))
}

func stated(alias, kind string, attributes map[string]any) map[string]any {
	return map[string]any{"mode": "managed", "type": kind, "name": "x", "provider": `provider["registry.terraform.io/hashicorp/aws"]` + alias, "instances": []any{map[string]any{"attributes": attributes}}}
}

// A function of the same name in another region is another function: each declaration is
// for the one place where its state or --target has it, or it is a comment.
func TestEachDeclarationHasItsRegion(t *testing.T) {
	const dlq = "arn:aws:sqs:eu-west-1:222222222222:dlq"
	eu, us := desired.Target{Account: "111111111111", Region: "eu-west-1"}, desired.Target{Account: "111111111111", Region: "us-east-1"}
	ap := desired.Target{Account: "111111111111", Region: "ap-south-1"}
	theirs := desired.Target{Account: "777777777777", Region: "eu-west-1"}
	here := desired.Target{Account: "999999999999", Region: "sa-east-1"} // of the credentials
	function := func(alias string, at desired.Target, name string) map[string]any {
		return stated(alias, "aws_lambda_function", map[string]any{"function_name": name, "arn": "arn:aws:lambda:" + at.Region + ":" + at.Account + ":function:" + name})
	}
	to := func(arn string) []any {
		return []any{map[string]any{"on_failure": []any{map[string]any{"destination": arn}}, "on_success": []any{}}}
	}
	alias := []any{invokes("", "orders"), invokes(".eu", "orders"), invokes(".eu", "arn:aws:lambda:eu-west-1:111111111111:function:mail")}
	const shared = "arn:aws:lambda:eu-west-1:777777777777:function:shared"
	other := func(kind string) map[string]any { return stated("", kind, map[string]any{"arn": shared}) }
	data := func(kind string) map[string]any {
		r := other(kind)
		r["mode"] = "data"
		return r
	}
	both := []any{invokes("", "orders"), invokes(".eu", "orders"), function("", us, "other"), function(".eu", eu, "other")}
	for _, row := range []struct {
		why       string
		resources []any
		beside    []any // of a second state
		given     []desired.Target
		want      []string
		open      int
		says      string
	}{
		{why: "the ARN of a neighbour tells the alias, nothing tells the default", resources: alias,
			want: []string{"111111111111/eu-west-1 mail", "111111111111/eu-west-1 orders"}, open: 1, says: "does not say in which account and region aws works"},
		{why: "--target tells the default", resources: alias, given: []desired.Target{us}, want: []string{"111111111111/us-east-1 orders"}, open: 2, says: "it is in 111111111111/eu-west-1, which no --target names"},
		{why: "--target is that of the alias, and says nothing of the default", resources: alias, given: []desired.Target{eu},
			want: []string{"111111111111/eu-west-1 mail", "111111111111/eu-west-1 orders"}, open: 1},
		{why: "one --target for each", resources: alias, given: []desired.Target{us, eu},
			want: []string{"111111111111/eu-west-1 mail", "111111111111/eu-west-1 orders", "111111111111/us-east-1 orders"}},
		{why: "two that the default may mean", resources: alias, given: []desired.Target{us, eu, ap}, want: []string{"111111111111/eu-west-1 mail", "111111111111/eu-west-1 orders"}, open: 1},
		{why: "the functions of each provider are there", resources: both, want: []string{"111111111111/eu-west-1 orders", "111111111111/us-east-1 orders"}},
		{why: "and --target takes one", resources: both, given: []desired.Target{eu}, want: []string{"111111111111/eu-west-1 orders"}, open: 1},
		{why: "one provider, and nothing told: the credentials'", resources: []any{invokes("", "orders")}, want: []string{"999999999999/sa-east-1 orders"}},
		{why: "or those of --target", resources: []any{invokes("", "orders")}, given: []desired.Target{eu, us}, want: []string{"111111111111/eu-west-1 orders", "111111111111/us-east-1 orders"}},
		{why: "two providers, and nothing told of either", resources: []any{invokes("", "orders"), invokes(".eu", "mail")}, open: 2},
		{why: "a queue tells the region, and may be of another account", resources: []any{invokes("", "orders", "destination_config", to(dlq))}, given: []desired.Target{us}, open: 1, says: "it is in eu-west-1, which no --target names"},
		{why: "the region of --target is right", resources: []any{invokes("", "orders", "destination_config", to(dlq))}, given: []desired.Target{eu}, want: []string{"111111111111/eu-west-1 orders"}},
		{why: "version 6 of the provider tells the region itself", resources: []any{invokes("", "orders", "region", "eu-west-1"), invokes("", "orders", "region", "us-east-1"), function("", eu, "a"), function("", us, "a")},
			want: []string{"111111111111/eu-west-1 orders", "111111111111/us-east-1 orders"}},
		{why: "a region without an account is no reason for the credentials' region", resources: []any{invokes("", "orders", "region", "us-east-1"), invokes("", "mail", "region", "eu-west-1")}, open: 2,
			says: "# Import it again with --target ACCOUNT/eu-west-1 --target ACCOUNT/us-east-1:"},
		{why: "nor is one function the other's double", resources: []any{invokes("", "orders", "region", "us-east-1"), invokes("", "orders", "region", "eu-west-1")}, open: 2, says: ".x: it is in us-east-1 of an account"},
		{why: "with the targets that it asks for they are apart", resources: []any{invokes("", "orders", "region", "us-east-1"), invokes("", "orders", "region", "eu-west-1")}, given: []desired.Target{us, eu},
			want: []string{"111111111111/eu-west-1 orders", "111111111111/us-east-1 orders"}},
		{why: "nor is the region of a queue", resources: []any{invokes("", "orders", "destination_config", to(dlq))}, open: 1, says: "--target ACCOUNT/eu-west-1:"},
		{why: "what is read, or is another's, is no place of the provider", resources: []any{invokes("", "orders"), data("aws_kms_key"), data("aws_lambda_function"), other("aws_sns_topic_subscription"), other("aws_iam_role_policy")},
			want: []string{"999999999999/sa-east-1 orders"}},
		{why: "so --target says where", resources: []any{invokes("", "orders"), data("aws_kms_key"), other("aws_sns_topic_subscription")}, given: []desired.Target{eu}, want: []string{"111111111111/eu-west-1 orders"}},
		{why: "an alias is of its function's place", resources: []any{invokes("", "orders"), stated("", "aws_lambda_alias", map[string]any{"arn": "arn:aws:lambda:eu-west-1:111111111111:function:orders:live"})}, want: []string{"111111111111/eu-west-1 orders"}},
		{why: "another's function tells the account, until --target does", resources: []any{invokes("", "orders"), invokes("", shared)}, given: []desired.Target{eu}, want: []string{"111111111111/eu-west-1 orders"}, open: 1,
			says: "it is in 777777777777/eu-west-1, which no --target names"},
		{why: "but not the region", resources: []any{invokes("", "orders"), invokes("", shared)}, given: []desired.Target{us}, open: 2},
		{why: "nor where --target chooses: of two providers", resources: []any{invokes("", "orders"), invokes(".b", "orders"), function("", eu, "a"), function(".b", theirs, "b")}, given: []desired.Target{eu},
			want: []string{"111111111111/eu-west-1 orders"}, open: 1, says: "it is in 777777777777/eu-west-1, which no --target names"},
		{why: "of two states", resources: []any{invokes("", "orders"), function("", eu, "a")}, beside: []any{invokes("", "mail"), function("", theirs, "b")}, given: []desired.Target{eu},
			want: []string{"111111111111/eu-west-1 orders"}, open: 1, says: "it is in 777777777777/eu-west-1, which no --target names"},
	} {
		data, err := json.Marshal(map[string]any{"version": 4, "terraform_version": "1.11.4", "resources": row.resources})
		if err != nil {
			t.Fatal(err)
		}
		sources := []Source{{"state", data}}
		if row.beside != nil {
			if data, err = json.Marshal(map[string]any{"version": 4, "terraform_version": "1.11.4", "resources": row.beside}); err != nil {
				t.Fatal(err)
			}
			sources = append(sources, Source{"other", data})
		}
		r, err := Run(sources, Options{Targets: row.given})
		if err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		var got []string
		if r.Entries > 0 {
			for _, target := range loadedAt(t, r, here).Targets {
				for _, e := range target.Entries {
					got = append(got, target.Target.String()+" "+e.Function)
				}
			}
		}
		if diff := cmp.Diff(row.want, got); diff != "" || r.Open != row.open || !strings.Contains(string(r.Text), row.says) {
			t.Errorf("%s: %d open, want %d\n%s%s", row.why, r.Open, row.open, diff, r.Text)
		}
	}
}

// terraform show has no aliases: what could be of two regions is declared in neither.
func TestShownDoesNotTellRegionsApart(t *testing.T) {
	us := []desired.Target{{Account: "111111111111", Region: "us-east-1"}}
	function := func(region, name string) any {
		return map[string]any{"address": "aws_lambda_function.f", "mode": "managed", "provider_name": "registry.terraform.io/hashicorp/aws", "type": "aws_lambda_function", "values": map[string]any{"arn": "arn:aws:lambda:" + region + ":111111111111:function:" + name}}
	}
	config := func(name, queueIn string) any {
		values := map[string]any{"function_name": name, "maximum_retry_attempts": 0}
		if queueIn != "" {
			values["destination_config"] = []any{map[string]any{"on_failure": []any{map[string]any{"destination": "arn:aws:sqs:" + queueIn + ":111111111111:dlq"}}}}
		}
		return map[string]any{"address": invokeConfig + "." + name, "mode": "managed", "provider_name": "registry.terraform.io/hashicorp/aws", "type": invokeConfig, "values": values}
	}
	for _, row := range []struct {
		why       string
		resources []any
		given     []desired.Target
		entries   int
		open      int
		says      string
	}{
		{"its own function tells, where there is one of that name", []any{function("eu-west-1", "orders"), function("us-east-1", "orders"), function("us-east-1", "mail"), config("orders", ""), config("mail", "")}, nil, 1, 1,
			"and not which of them this is in; import terraform.tfstate itself"},
		{"a neighbour proves nothing", []any{function("us-east-1", "mail"), config("orders", ""), config("mail", "")}, nil, 1, 1, "does not say in which account and region"},
		{"a queue of its own and a neighbour do", []any{function("us-east-1", "mail"), config("orders", "us-east-1"), config("mail", "")}, nil, 2, 0, "regions: [us-east-1]"},
		{"two of one name are of two regions", []any{config("orders", ""), config("orders", ""), config("mail", "")}, us, 1, 2, "import terraform.tfstate itself"},
		{"and one function of that name is of one of them", []any{function("eu-west-1", "orders"), config("orders", ""), config("orders", "")}, nil, 0, 2, "import terraform.tfstate itself"},
		{"unless a queue tells which", []any{function("eu-west-1", "orders"), config("orders", "eu-west-1"), config("orders", "")}, nil, 1, 1, "regions: [eu-west-1]"},
		{"--target of another account chooses, for there may be two providers", []any{function("eu-west-1", "orders"), config("orders", "")}, []desired.Target{{Account: "222222222222", Region: "eu-west-1"}}, 0, 1, "which no --target names"},
	} {
		data, err := json.Marshal(map[string]any{"format_version": "1.0", "values": map[string]any{"root_module": map[string]any{"resources": row.resources}}})
		if err != nil {
			t.Fatal(err)
		}
		r, err := Run([]Source{{"state", data}}, Options{Targets: row.given})
		if err != nil {
			t.Fatal(err)
		}
		if r.Entries != row.entries || r.Open != row.open || !strings.Contains(string(r.Text), row.says) {
			t.Errorf("%s: %d entries, %d open\n%s", row.why, r.Entries, r.Open, r.Text)
		}
	}
}

type failer interface {
	Helper()
	Fatalf(string, ...any)
}

func loaded(t failer, r Import) desired.Fleet {
	t.Helper()
	return loadedAt(t, r, desired.Target{Account: "111111111111", Region: "eu-west-1"})
}

func loadedAt(t failer, r Import, ambient desired.Target) desired.Fleet {
	t.Helper()
	document, err := desired.Loader{Stdin: strings.NewReader(string(r.Text))}.LoadFiles("-")
	if err != nil {
		t.Fatalf("the file does not load: %v\n%s", err, r.Text)
	}
	fleet, err := document.Resolve(ambient, nil, desired.Selection{})
	if err != nil {
		t.Fatalf("the file does not resolve: %v\n%s", err, r.Text)
	}
	return fleet
}

// Real files are modelled in testdata, each with what becomes of it.
func TestExamples(t *testing.T) {
	paths, err := filepath.Glob("testdata/*")
	if err != nil || len(paths) < 8 {
		t.Fatalf("%d examples: %v", len(paths), err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, ".golden") || !strings.Contains(path, ".") {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for _, o := range []Options{{}, {
				Targets: []desired.Target{{Account: "111111111111", Region: "eu-west-1"}}, Stack: "shop",
				Vars: map[string]string{"stage": "prod", "Stage": "prod", "dlq": "jobs-dlq"},
			}, {Targets: []desired.Target{{Account: "111111111111", Region: "us-east-1"}}}} {
				if len(o.Targets) > 0 && o.Stack == "" && !strings.HasSuffix(path, ".tfstate") {
					continue // nothing else says where it is
				}
				r, err := Run([]Source{{filepath.Base(path), data}}, o)
				if err != nil {
					fmt.Fprintf(&got, "%v\n", err)
					break
				}
				if r.Entries > 0 {
					loaded(t, r)
				}
				fmt.Fprintf(&got, "%s# entries %d, open %d\n\n", r.Text, r.Entries, r.Open)
			}
			golden := path + ".golden"
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

// FuzzRun: whatever a file holds, there is an error or a file that loads.
func FuzzRun(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*.*")
	for _, path := range paths {
		if data, err := os.ReadFile(path); err == nil && !strings.HasSuffix(path, ".golden") {
			f.Add(data)
		}
	}
	f.Add([]byte("Resources: &a\n  X: {Type: AWS::Lambda::EventInvokeConfig, Properties: {FunctionName: !Sub '${X}', Qualifier: *a}}\n"))
	f.Add([]byte("service: ${self:custom.a}\ncustom: {a: '${self:custom.a}-${self:custom.a}'}\nfunctions: {f: {maximumEventAge: 60, destinations: {onFailure: f}}}\n"))
	f.Add([]byte("functions: &f {<<: [*f, *f], a: *f}\nservice: s\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Run([]Source{{"file", data}}, Options{Stack: "s"})
		if err == nil && r.Entries > 0 {
			loaded(t, r)
		}
	})
}
