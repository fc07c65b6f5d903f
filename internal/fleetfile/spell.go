package fleetfile

import (
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Spellings lists the ways to write an ARN: with or without a placeholder for its
// partition, region and account, where these are the target's own, and for the
// function's name, where that is a word of it. The ARN itself is the first; no function
// leaves names as they are.
func Spellings(written string, t desired.Target, function string) []string {
	a, err := arn.Parse(written)
	if err != nil {
		return []string{written}
	}
	all := []arn.ARN{a}
	for _, part := range []struct {
		of               func(*arn.ARN) *string
		own, placeholder string
	}{
		{func(a *arn.ARN) *string { return &a.Partition }, t.Partition(), "${partition}"},
		{func(a *arn.ARN) *string { return &a.Region }, t.Region, "${region}"},
		{func(a *arn.ARN) *string { return &a.AccountID }, t.Account, "${account}"},
	} {
		for _, with := range all {
			if *part.of(&with) == part.own {
				*part.of(&with) = part.placeholder
				all = append(all, with)
			}
		}
	}
	if named := withFunction(a.Resource, function); named != a.Resource {
		for _, with := range all {
			with.Resource = named
			all = append(all, with)
		}
	}
	texts := make([]string, len(all))
	for i := range all {
		texts[i] = all[i].String()
	}
	return texts
}

var nameWord = regexp.MustCompile(`[A-Za-z0-9]+`)

// withFunction puts ${function} in place of a function's name where it begins and ends
// as a word does: queue-a is no queue of the function ue.
func withFunction(resource, function string) string {
	if function == "" {
		return resource
	}
	out := ""
	for i := 0; i < len(resource); {
		end := i + len(function)
		if end <= len(resource) && resource[i:end] == function && edge(resource, i) && edge(resource, end) {
			out, i = out+"${function}", end
			continue
		}
		out, i = out+resource[i:i+1], i+1
	}
	return out
}

// edge reports whether no word of letters and digits goes over a place of a text.
func edge(s string, at int) bool {
	return at == 0 || at == len(s) || !nameWord.MatchString(s[at-1:at]) || !nameWord.MatchString(s[at:at+1])
}
