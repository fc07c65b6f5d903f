package desired

import (
	"cmp"
	"strings"
)

// Latest is the qualifier of the unpublished code. A function named without a
// qualifier means this one: both spellings are one record in AWS.
const Latest = "$LATEST"

// Target is one AWS account in one region: the unit of quota, of credentials,
// of locking and of sharding.
type Target struct {
	Account string `json:"account"` // twelve digits
	Region  string `json:"region"`  // such as eu-west-1
}

// String is "111111111111/eu-west-1".
func (t Target) String() string { return t.Account + "/" + t.Region }

// Valid reports whether account and region have the form that AWS gives them.
func (t Target) Valid() bool {
	return accountWord.MatchString(t.Account) && regionWord.MatchString(t.Region)
}

// Compare orders targets by account, then region.
func (t Target) Compare(u Target) int {
	return cmp.Or(strings.Compare(t.Account, u.Account), strings.Compare(t.Region, u.Region))
}

// Partition is the AWS partition that the region belongs to.
func (t Target) Partition() string { return PartitionOf(t.Region) }

// partitions maps region prefixes to partitions, from the SDKs' partition
// table. Order matters: us-isob- must be tried before us-iso-.
var partitions = []struct{ prefix, partition string }{
	{"cn-", "aws-cn"},
	{"us-gov-", "aws-us-gov"},
	{"us-isob-", "aws-iso-b"},
	{"us-isof-", "aws-iso-f"},
	{"us-iso-", "aws-iso"},
	{"eu-isoe-", "aws-iso-e"},
	{"eusc-", "aws-eusc"},
}

// PartitionOf is the partition of a region; a prefix nobody knows is "aws".
func PartitionOf(region string) string {
	for _, p := range partitions {
		if strings.HasPrefix(region, p.prefix) {
			return p.partition
		}
	}
	return "aws"
}

// Name is a function and qualifier within a target. Both are case-sensitive,
// and the qualifier is never empty: it is Latest where nothing was said.
type Name struct {
	Function  string `json:"function"`
	Qualifier string `json:"qualifier"`
}

// String is "orders:live", or plain "orders" for $LATEST.
func (n Name) String() string {
	if n.Qualifier == Latest {
		return n.Function
	}
	return n.Function + ":" + n.Qualifier
}

// Compare orders names by function, then qualifier.
func (n Name) Compare(m Name) int {
	return cmp.Or(strings.Compare(n.Function, m.Function), strings.Compare(n.Qualifier, m.Qualifier))
}

// Key is the identity of one event invoke config: target, function, qualifier.
// Two spellings of one function have the same Key.
type Key struct {
	Target
	Name
}

// String is "111111111111/eu-west-1/orders:live".
func (k Key) String() string { return k.Target.String() + "/" + k.Name.String() }

// Compare orders keys by target, then name.
func (k Key) Compare(l Key) int {
	return cmp.Or(k.Target.Compare(l.Target), k.Name.Compare(l.Name))
}

// ARN is the qualified function ARN, as AWS prints it in responses.
func (k Key) ARN() string {
	return "arn:" + k.Partition() + ":lambda:" + k.Region + ":" + k.Account + ":function:" + k.Function + ":" + k.Qualifier
}
