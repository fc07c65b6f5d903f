package events

import (
	"fmt"
	"testing"

	"github.com/eventinvoke/eventinvoke/desired"
)

func TestAuthors(t *testing.T) {
	const (
		user = `{"type": "IAMUser", "arn": "arn:aws:iam::111111111111:user/team/ops-admin", "userName": "ops-admin"}`
		role = `{"type": "AssumedRole", "arn": "arn:aws:sts::111111111111:assumed-role/deploy/ci-7", "sessionContext": {"sessionIssuer": {"userName": "deploy"}}}`
		sso  = `{"type": "AssumedRole", "arn": "arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/alice@example.com"}`
		ours = `{"type": "AssumedRole", "arn": "arn:aws:sts::111111111111:assumed-role/fleet/eventinvoke-20261125T120000Z-0123abcd"}`
	)
	for _, row := range []struct {
		identity, agent, more string
		want                  string
		redeploys             bool
	}{
		{identity: user, agent: "console.amazonaws.com", want: "user ops-admin (console)"},
		{identity: user, agent: "Mozilla/5.0 (X11; Linux x86_64)", want: "user ops-admin (console)"},
		{identity: user, agent: "aws-sdk-java/2.20", more: `"sessionCredentialFromConsole": "true",`, want: "user ops-admin (console)"},
		{identity: role, agent: "APN/1.0 HashiCorp/1.0 Terraform/1.9.8 (+https://www.terraform.io) aws-sdk-go-v2/1.30", want: "role deploy (Terraform)", redeploys: true},
		{identity: role, agent: "[HashiCorp Terraform]", want: "role deploy (Terraform)", redeploys: true},
		{identity: role, agent: "APN/1.0 OpenTofu/1.8 terraform-provider-aws/5", want: "role deploy (OpenTofu)", redeploys: true},
		{identity: role, agent: "APN/1.0 Pulumi/1.0", want: "role deploy (Pulumi)", redeploys: true},
		{identity: `{"type": "IAMUser", "userName": "ops", "invokedBy": "cloudformation.amazonaws.com"}`, agent: "cloudformation.amazonaws.com", want: "user ops (CloudFormation)", redeploys: true},
		{identity: role, agent: "aws-cli/2.31.0 md/awscrt", want: "role deploy (aws-cli)"},
		{identity: role, agent: "Boto3/1.43 md/Botocore", want: "role deploy (boto3)"},
		{identity: role, agent: "[myapp/1.2 x]", want: "role deploy (myapp)"},
		{identity: role, agent: "", want: "role deploy"},
		{identity: sso, agent: "console.amazonaws.com", want: "user alice@example.com (console)"},
		{identity: ours, agent: "aws-sdk-go-v2/1.47 app/eventinvoke-1.0", want: "run 20261125T120000Z-0123abcd (eventinvoke)"},
		{identity: ours, agent: "aws-cli/2.31.0", want: "role fleet (aws-cli)"}, // a session that is only named like ours
		{identity: `{"type": "Root", "arn": "arn:aws:iam::111111111111:root"}`, agent: "signin.amazonaws.com", want: "account root (console)"},
		{identity: `{"type": "AWSService", "invokedBy": "ssm.amazonaws.com"}`, agent: "ssm.amazonaws.com", want: "service ssm.amazonaws.com (ssm)"},
		{identity: `{"type": "AWSAccount", "accountId": "222222222222"}`, want: "account 222222222222"},
		{identity: `{"type": "Somebody", "principalId": "AIDA"}`, want: "user AIDA"},
		{identity: `{}`, want: ""},
		{identity: `7`, agent: " / ", want: ""},
	} {
		record := fmt.Sprintf(`{"eventName": "CreateFunction", "userIdentity": %s, %s "userAgent": %q, "requestParameters": {"functionName": "orders"}}`, row.identity, row.more, row.agent)
		hints, err := Record([]byte(record), desired.Target{Account: "111111111111", Region: "eu-west-1"})
		if err != nil || len(hints) != 1 {
			t.Fatalf("%s: %v %v", record, hints, err)
		}
		if got := hints[0].Author; got.String() != row.want || got.Redeploys() != row.redeploys {
			t.Errorf("%s with %q is %q, redeploys %v, want %q", row.identity, row.agent, got, got.Redeploys(), row.want)
		}
	}
}
