package desired

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"
)

// drawDocument makes a small file that is accepted: two targets, defaults,
// rules and entries that overlap.
func drawDocument(t *rapid.T) *Document {
	var b strings.Builder
	b.WriteString("version: 1\ntargets:\n  - { name: one, account: \"111111111111\", regions: [us-east-1, eu-west-1], quota: 12.5, vars: { x: x, letter: a, queues: q } }\n")
	b.WriteString("defaults: { maximum_retry_attempts: 1 }\n")
	rules := rapid.SliceOfN(rapid.SampledFrom([]string{"*", "x-*", "a", "?b", "{a,b}", "${vars.x}-*", "${vars.letter}*"}), 0, 3).Draw(t, "rules")
	for i, pattern := range rules {
		if i == 0 {
			b.WriteString("rules:\n")
		}
		more := rapid.SampledFrom([]string{"", "", ", exclude: [ab]", ", tags: { k: [v, \"w*\"] }", ", exclude: { tags: { k: v } }", ", exclude: { functions: [a], tags: { k: [v, w] } }"}).Draw(t, "more")
		fmt.Fprintf(&b, "  - match: { functions: [%q]%s }\n    set: { %s }\n", pattern, more, drawSettings(t))
	}
	b.WriteString("functions:\n")
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b:live", "ab", "c:7", "${vars.letter}:${vars.x}", "z${vars.letter}", "111111111111:function:d", "arn:aws:lambda:us-east-1:111111111111:function:e"}), 1, 6, rapid.ID).Draw(t, "names") {
		if rapid.IntRange(0, 5).Draw(t, "remove") == 0 {
			fmt.Fprintf(&b, "  - { name: %q, remove: true }\n", name)
			continue
		}
		fmt.Fprintf(&b, "  - { name: %q, %s }\n", name, drawSettings(t))
	}
	fmt.Fprintf(&b, "guard: { max_changes: %s, max_deletes: %s }\n",
		rapid.SampledFrom([]string{"7", "12.5%", "0%", "100%"}).Draw(t, "changes"), rapid.SampledFrom([]string{"0", "5%"}).Draw(t, "deletes"))
	fmt.Fprintf(&b, "undeclared: %s\n", rapid.SampledFrom([]string{"report", "delete"}).Draw(t, "undeclared"))
	d, err := Load(oneFile(b.String()), "fleet.yaml")
	if err != nil {
		t.Fatalf("%s\n%v", b.String(), err)
	}
	return d
}

// drawTags gives some of the functions the tag that drawn rules ask for.
func drawTags(t *rapid.T) map[string]map[string]string {
	tags := map[string]map[string]string{}
	for name, value := range rapid.MapOf(rapid.SampledFrom([]string{"a", "b", "ab", "x-1"}), rapid.SampledFrom([]string{"v", "w", "wide", "x"})).Draw(t, "tags") {
		tags[name] = map[string]string{"k": value}
	}
	return tags
}

func drawSettings(t *rapid.T) string {
	return strings.Join(rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
		"maximum_retry_attempts: 0", "maximum_event_age_in_seconds: 60", "maximum_event_age_in_seconds: 21600",
		"on_success: none", "on_failure: none", `on_failure: "arn:${partition}:sqs:${region}:${account}:q"`, `on_failure: "arn:aws:s3:::bucket"`,
		`on_failure: "arn:${partition}:sqs:${region}:${account}:${function}-${vars.queues}"`,
	}), 1, 4, func(s string) string { return strings.SplitN(s, ":", 2)[0] }).Draw(t, "settings"), ", ")
}
