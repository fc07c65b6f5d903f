package desired

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The kinds of configuration that people keep in Terraform, CloudFormation, SAM, the CDK
// and the Serverless Framework, each as a fleet file and, to compare, as Terraform. Each
// has to be expressible in at most as many lines, and to come to the wanted settings.
// A line that both forms have once for all of a fleet (version: 1; required_providers)
// counts for neither.
var kinds = []struct {
	kind      string
	fleet     string
	terraform string
	functions string // that exist in us-east-1: NAME, NAME{key=value}, NAME(alias alias)
	want      []string
}{
	{"no retries", one(`maximum_retry_attempts: 0`), tf(`function_name = "orders"`, `maximum_retry_attempts = 0`), "", []string{"orders retries=0"}},
	{"an age", one(`maximum_event_age_in_seconds: 3600`), tf(`function_name = "orders"`, `maximum_event_age_in_seconds = 3600`), "", []string{"orders age=3600"}},
	{
		"both limits", one(`maximum_event_age_in_seconds: 60`, `maximum_retry_attempts: 1`),
		tf(`function_name = "orders"`, `maximum_event_age_in_seconds = 60`, `maximum_retry_attempts = 1`), "", []string{"orders retries=1 age=60"},
	},
	{"a queue on failure", one(`on_failure: ` + sqs + `dlq`), tf(`function_name = "orders"`, dest("on_failure", `"`+sqs+`dlq"`)), "", []string{"orders failure=" + sqs + "dlq"}},
	{"a topic on failure", one(`on_failure: arn:aws:sns:us-east-1:111111111111:t`), tf(`function_name = "orders"`, dest("on_failure", `aws_sns_topic.t.arn`)), "", []string{"orders failure=arn:aws:sns:us-east-1:111111111111:t"}},
	{"a bus on success", one(`on_success: arn:aws:events:us-east-1:111111111111:event-bus/b`), tf(`function_name = "orders"`, dest("on_success", `aws_cloudwatch_event_bus.b.arn`)), "", []string{"orders success=arn:aws:events:us-east-1:111111111111:event-bus/b"}},
	{"a function on success", one(`on_success: arn:aws:lambda:us-east-1:111111111111:function:next`), tf(`function_name = "orders"`, dest("on_success", `aws_lambda_function.next.arn`)), "", []string{"orders success=arn:aws:lambda:us-east-1:111111111111:function:next"}},
	{"S3 on failure", one(`on_failure: arn:aws:s3:::failed-events`), tf(`function_name = "orders"`, dest("on_failure", `aws_s3_bucket.failed.arn`)), "", []string{"orders failure=arn:aws:s3:::failed-events"}},
	{
		"both destinations", one(`on_success: `+sqs+`done`, `on_failure: `+sqs+`dlq`),
		tf(`function_name = "orders"`, "destination_config {\n    on_success {\n      destination = aws_sqs_queue.done.arn\n    }\n    on_failure {\n      destination = aws_sqs_queue.dlq.arn\n    }\n  }"), "",
		[]string{"orders success=" + sqs + "done failure=" + sqs + "dlq"},
	},
	{"no destination, said outright", one(`on_failure: none`), tf(`function_name = "orders"`, `# destination_config must stay away`), "", []string{"orders failure=none"}},
	{"no configuration at all", one(`remove: true`), "removed {\n  from = aws_lambda_function_event_invoke_config.orders\n  lifecycle {\n    destroy = true\n  }\n}", "", []string{"orders remove"}},
	{"a function by its ARN", "functions:\n  - name: arn:aws:lambda:us-east-1:111111111111:function:orders\n    maximum_retry_attempts: 0", tf(`function_name = aws_lambda_function.orders.arn`, `maximum_retry_attempts = 0`), "", []string{"orders retries=0"}},
	{"a published alias", "functions:\n  - name: orders:live\n    maximum_retry_attempts: 0", tf(`function_name = "orders"`, `qualifier = aws_lambda_alias.live.name`, `maximum_retry_attempts = 0`), "", []string{"orders:live retries=0"}},
	{"a version", "functions:\n  - name: orders:7\n    maximum_retry_attempts: 0", tf(`function_name = "orders"`, `qualifier = aws_lambda_function.orders.version`, `maximum_retry_attempts = 0`), "", []string{"orders:7 retries=0"}},
	{
		"$LATEST and an alias", ruleOf(`functions: [orders]`, `qualifiers: [$LATEST, live]`), each(`toset(["$LATEST", "live"])`, `function_name = "orders"`, `qualifier = each.key`, `maximum_retry_attempts = 0`), "orders(live)",
		[]string{"orders retries=0", "orders:live optional retries=0"},
	},
	{
		"every alias", ruleOf(`functions: [orders]`, `qualifiers: ["*"]`), each(`toset(concat(["$LATEST"], var.aliases))`, `function_name = "orders"`, `qualifier = each.key`, `maximum_retry_attempts = 0`), "orders(blue live)",
		[]string{"orders retries=0", "orders:blue optional retries=0", "orders:live optional retries=0"},
	},
	{
		"aliases of one kind", ruleOf(`functions: [orders]`, `qualifiers: ["live*"]`), each(`toset([for a in var.aliases : a if startswith(a, "live")])`, `function_name = "orders"`, `qualifier = each.key`, `maximum_retry_attempts = 0`), "orders(blue live-eu)",
		[]string{"orders:live-eu optional retries=0"},
	},
	{
		"an alias named after the stage", vars(`stage: prod`) + "functions:\n  - name: orders:${vars.stage}\n    maximum_retry_attempts: 0", provider + stageVar + tf(`function_name = "orders"`, `qualifier = var.stage`, `maximum_retry_attempts = 0`), "",
		[]string{"orders:prod retries=0"},
	},
	{"a list of functions", ruleOf(`functions: ["{a,b,c}"]`), each(`toset(["a", "b", "c"])`, `function_name = each.key`, `maximum_retry_attempts = 0`), "a b c d", []string{"a retries=0", "b retries=0", "c retries=0"}},
	{"names of one kind", ruleOf(`functions: ["pay-*"]`), each(`toset([for f in data.aws_lambda_functions.all.function_names : f if startswith(f, "pay-")])`, `function_name = each.key`, `maximum_retry_attempts = 0`), "pay-a ship", []string{"pay-a retries=0"}},
	{
		"a queue per function", "rules:\n  - match: { functions: [\"*\"] }\n    set: { on_failure: \"" + sqs + "${function}-dlq\" }", each(`aws_sqs_queue.dlq`, `function_name = each.key`, dest("on_failure", "each.value.arn")), "a b",
		[]string{"a failure=" + sqs + "a-dlq", "b failure=" + sqs + "b-dlq"},
	},
	{
		"a queue per function and stage", vars(`stage: prod`) + "rules:\n  - match: { functions: [\"${vars.stage}-*\"] }\n    set: { on_failure: \"arn:aws:sqs:${region}:${account}:${function}-${vars.stage}-dlq\" }",
		provider + stageVar + each(`aws_sqs_queue.dlq`, `function_name = "${var.stage}-${each.key}"`, dest("on_failure", "each.value.arn")), "prod-a dev-a", []string{"prod-a failure=" + sqs + "prod-a-prod-dlq"},
	},
	{"a stage before the name", vars(`stage: prod`) + "functions:\n  - name: ${vars.stage}-orders\n    maximum_retry_attempts: 0", provider + stageVar + tf(`function_name = "${var.stage}-orders"`, `maximum_retry_attempts = 0`), "", []string{"prod-orders retries=0"}},
	{"a stage behind the name", vars(`stage: prod`) + "functions:\n  - name: orders-${vars.stage}\n    maximum_retry_attempts: 0", provider + stageVar + tf(`function_name = "orders-${var.stage}"`, `maximum_retry_attempts = 0`), "", []string{"orders-prod retries=0"}},
	{
		"the queues' account in a variable", vars(`queues: "222222222222"`) + "functions:\n  - name: orders\n    on_failure: arn:aws:sqs:${region}:${vars.queues}:dlq", provider + stageVar + tf(`function_name = "orders"`, dest("on_failure", `"arn:aws:sqs:us-east-1:${var.queues}:dlq"`)), "",
		[]string{"orders failure=arn:aws:sqs:us-east-1:222222222222:dlq"},
	},
	{"a whole ARN in a variable", vars(`dlq: "`+sqs+`shared"`) + "functions:\n  - name: orders\n    on_failure: ${vars.dlq}", provider + stageVar + tf(`function_name = "orders"`, dest("on_failure", "var.dlq")), "", []string{"orders failure=" + sqs + "shared"}},
	{"a destination in another account", one(`on_failure: arn:aws:sqs:us-east-1:999999999999:dlq`), tf(`function_name = "orders"`, dest("on_failure", `"arn:aws:sqs:us-east-1:999999999999:dlq"`)), "", []string{"orders failure=arn:aws:sqs:us-east-1:999999999999:dlq"}},
	{"a destination in another region", one(`on_failure: arn:aws:sqs:eu-west-1:111111111111:dlq`), tf(`function_name = "orders"`, dest("on_failure", `"arn:aws:sqs:eu-west-1:111111111111:dlq"`)), "", []string{"orders failure=arn:aws:sqs:eu-west-1:111111111111:dlq"}},
	{
		"generated names, by the stack's tag", ruleOf(`tags: { "aws:cloudformation:stack-name": shop }`), each(`toset([for r in data.aws_resourcegroupstaggingapi_resources.shop.resource_tag_mapping_list : r.resource_arn])`, `function_name = each.key`, `maximum_retry_attempts = 0`),
		"shop-Orders-1X9{aws:cloudformation:stack-name=shop} other-A-2{aws:cloudformation:stack-name=other}", []string{"shop-Orders-1X9 retries=0"},
	},
	{"generated names, by pattern", ruleOf(`functions: ["shop-Orders-*"]`), tf(`function_name = aws_cloudformation_stack.shop.outputs["Orders"]`, `maximum_retry_attempts = 0`, `depends_on = [aws_cloudformation_stack.shop]`), "shop-Orders-1X9", []string{"shop-Orders-1X9 retries=0"}},
	{
		"tiers by tag, without what is to go", "rules:\n  - match:\n      tags: { tier: [gold, silver] }\n      exclude: { functions: [\"*-sandbox\"], tags: { lifecycle: \"*\" } }\n    set: { maximum_retry_attempts: 0 }",
		each("toset([\n    for f in local.functions : f.name\n    if contains([\"gold\", \"silver\"], f.tier) && !endswith(f.name, \"-sandbox\") && f.lifecycle == null\n  ])", `function_name = each.key`, `maximum_retry_attempts = 0`),
		"a{tier=gold} b{tier=lead} c{tier=silver,lifecycle=old} d-sandbox{tier=gold}", []string{"a retries=0"},
	},
	{
		"defaults and an exception", "defaults: { maximum_retry_attempts: 0 }\nrules:\n  - match: { functions: [\"*\"] }\nfunctions:\n  - { name: b, maximum_retry_attempts: 2 }",
		each(`toset(["a"])`, `function_name = each.key`, `maximum_retry_attempts = 0`) + "\n" + tf(`function_name = "b"`, `maximum_retry_attempts = 2`), "a b", []string{"a retries=0", "b retries=2"},
	},
	{
		"several regions", "targets:\n  - { name: prod, account: \"111111111111\", regions: [us-east-1, eu-west-1] }\nfunctions:\n  - { name: orders, maximum_retry_attempts: 0 }",
		provider + provider + tf(`function_name = "orders"`, `maximum_retry_attempts = 0`) + "\n" + tf(`provider = aws.eu`, `function_name = "orders"`, `maximum_retry_attempts = 0`), "", []string{"orders retries=0", "orders retries=0"},
	},
	{
		"left to another tool for a while", "rules:\n  - match: { functions: [\"*\"] }\n    set: { maximum_retry_attempts: 0 }\nignore:\n  - { functions: [\"*-canary\"], reason: the canary tool owns these, until: 2099-12-31 }",
		each(`toset([for f in data.aws_lambda_functions.all.function_names : f if !endswith(f, "-canary")])`, `# the canary tool owns the rest until the end of 2099`, `function_name = each.key`, `maximum_retry_attempts = 0`), "a a-canary", []string{"a retries=0", "a-canary ignored by ignore[0]"},
	},
}

const (
	sqs      = "arn:aws:sqs:us-east-1:111111111111:"
	provider = "provider \"aws\" {\n  region              = \"us-east-1\"\n  allowed_account_ids = [\"111111111111\"]\n}\n"
	stageVar = "variable \"x\" {\n  type = string\n}\n"
)

func one(settings ...string) string {
	return "functions:\n  - name: orders\n    " + strings.Join(settings, "\n    ")
}

func ruleOf(match ...string) string {
	return "rules:\n  - match: { " + strings.Join(match, ", ") + " }\n    set: { maximum_retry_attempts: 0 }"
}

func vars(pair string) string {
	return "targets:\n  - { name: prod, account: \"111111111111\", regions: [us-east-1], vars: { " + pair + " } }\n"
}

func tf(body ...string) string {
	return "resource \"aws_lambda_function_event_invoke_config\" \"x\" {\n  " + strings.Join(body, "\n  ") + "\n}"
}

func each(over string, body ...string) string {
	return tf(append([]string{"for_each = " + over}, body...)...)
}

func dest(on, arn string) string {
	return "destination_config {\n    " + on + " {\n      destination = " + arn + "\n    }\n  }"
}

func TestKindsOfConfiguration(t *testing.T) {
	if len(kinds) != 34 {
		t.Errorf("%d kinds, want 34", len(kinds))
	}
	for _, k := range kinds {
		t.Run(k.kind, func(t *testing.T) {
			if fleet, terraform := strings.Count(k.fleet, "\n"), strings.Count(k.terraform, "\n"); fleet > terraform {
				t.Errorf("%d lines, and %d in Terraform:\n%s\n\n%s", fleet+1, terraform+1, k.fleet, k.terraform)
			}
			inv := existing(k.functions)
			f := mustResolve(t, mustLoad(t, oneFile("version: 1\n"+k.fleet+"\n")), east, Inventory{east: inv, west: inv})
			var got []string
			for _, line := range lines(f) {
				_, line, _ = strings.Cut(line, " ") // the region
				words := strings.Fields(line)
				for i := range words {
					words[i], _, _ = strings.Cut(words[i], "@")
				}
				got = append(got, strings.Join(words, " "))
			}
			if diff := cmp.Diff(k.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// existing reads functions: NAME, NAME{key=value,key=value}, NAME(alias alias).
func existing(written string) TargetInventory {
	inv := TargetInventory{Tags: map[string]map[string]string{}, Aliases: map[string][]string{}}
	for written != "" {
		end := strings.IndexAny(written, " ({")
		if end < 0 {
			end = len(written)
		}
		name, rest := written[:end], written[end:]
		inv.Functions = append(inv.Functions, name)
		switch {
		case strings.HasPrefix(rest, "("):
			aliases, after, _ := strings.Cut(rest[1:], ")")
			inv.Aliases[name], rest = strings.Fields(aliases), after
		case strings.HasPrefix(rest, "{"):
			tags, after, _ := strings.Cut(rest[1:], "}")
			inv.Tags[name], rest = map[string]string{}, after
			for tag := range strings.SplitSeq(tags, ",") {
				key, value, _ := strings.Cut(tag, "=")
				inv.Tags[name][key] = value
			}
		}
		written = strings.TrimSpace(rest)
	}
	return inv
}

// What a newcomer has to know for the first useful file does not grow: these are the
// words of the page's first example.
func TestTheFirstFileStaysSmall(t *testing.T) {
	page, err := os.ReadFile(fleetFilePage)
	if err != nil {
		t.Fatal(err)
	}
	first := yamlBlock.FindStringSubmatch(string(page))[1]
	mustResolve(t, mustLoad(t, oneFile(first)), east, nil)
	if n := len(strings.Fields(first)); n > 8 {
		t.Errorf("%d words:\n%s", n, first)
	}
}
