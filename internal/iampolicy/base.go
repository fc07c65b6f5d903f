package iampolicy

import (
	"path"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
)

func rolesOf(fleet desired.Fleet) []string {
	var roles []string
	for _, t := range fleet.Targets {
		if t.RoleARN != "" {
			roles = append(roles, t.RoleARN)
		}
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

// partitionOf is the second part of an ARN.
func partitionOf(arn string) string {
	_, rest, _ := strings.Cut(arn, ":")
	partition, _, _ := strings.Cut(rest, ":")
	return partition
}

func assume(roles []string) Statement {
	return Statement{Sid: "AssumeRoles", Effect: "Allow", Action: []string{"sts:AssumeRole"}, Resource: roles}
}

// literal writes what stands for more in a policy as what stands for itself.
var literal = strings.NewReplacer("*", "${*}", "?", "${?}", "$", "${$}")

// baseStatements allow what is asked of SQS and S3, which happens with the base
// credentials whatever roles the targets have.
func (o Options) baseStatements(partition string) []Statement {
	var all []Statement
	if partitionOf(o.Queue) == partition { // IAM refuses a document that names another one
		// The permission for a call is also that for its batch.
		all = append(all, Statement{Sid: "Queue", Effect: "Allow", Resource: []string{o.Queue},
			Action: []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"}})
	}
	if o.History.Name != "" {
		bucket := "arn:" + partition + ":s3:::" + o.History.Name
		all = append(all,
			// Not narrowed to the prefix: with a condition on it S3 answers 403 in place
			// of 404 for an object that is not there, and the history has to tell them apart.
			Statement{Sid: "History", Effect: "Allow", Resource: []string{bucket}, Action: []string{"s3:ListBucket"}},
			Statement{Sid: "HistoryObjects", Effect: "Allow", Resource: []string{bucket + "/" + path.Join(literal.Replace(o.History.Prefix), "*")},
				Action: []string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}})
	}
	return all
}
