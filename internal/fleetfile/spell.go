package fleetfile

import (
	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Spellings lists the ways to write an ARN: with or without a placeholder for its
// partition, region and account, where these are the target's own. The ARN itself is
// the first.
func Spellings(written string, t desired.Target) []string {
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
	texts := make([]string, len(all))
	for i := range all {
		texts[i] = all[i].String()
	}
	return texts
}
