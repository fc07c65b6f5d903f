package main

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// In every partition: STS and Lambda are asked under its own domain, and
// ${partition} makes ARNs that it takes.
func TestPartitions(t *testing.T) {
	for _, row := range []struct{ why, partition, region, sts, lambda string }{
		{"the commercial one", "aws", "eu-west-1", "sts.eu-west-1.amazonaws.com", "lambda.eu-west-1.amazonaws.com"},
		{"China", "aws-cn", "cn-north-1", "sts.cn-north-1.amazonaws.com.cn", "lambda.cn-north-1.amazonaws.com.cn"},
		{"GovCloud", "aws-us-gov", "us-gov-west-1", "sts.us-gov-west-1.amazonaws.com", "lambda.us-gov-west-1.amazonaws.com"},
		{"the European sovereign cloud", "aws-eusc", "eusc-de-east-1", "sts.eusc-de-east-1.amazonaws.eu", "lambda.eusc-de-east-1.amazonaws.eu"},
		{"an isolated one", "aws-iso", "us-iso-east-1", "sts.us-iso-east-1.c2s.ic.gov", "lambda.us-iso-east-1.c2s.ic.gov"},
	} {
		t.Run(row.partition, func(t *testing.T) {
			path := write(t, `version: 1
targets:
  - { name: there, account: "222222222222", regions: [`+row.region+`], role_arn: "arn:`+row.partition+`:iam::222222222222:role/fleet" }
functions:
  - name: arn:`+row.partition+`:lambda:`+row.region+`:222222222222:function:orders
    on_failure: arn:${partition}:sqs:${region}:${account}:dlq
`)
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, &awssim.Scenario{Version: 1, Accounts: []awssim.Account{
					{Account: account, Regions: map[string]awssim.Region{row.region: {}}},
					{Account: second, Regions: map[string]awssim.Region{row.region: {Functions: []awssim.Function{{Name: "orders"}}}}},
				}})
				hosts := map[string]int{}
				code, got := through(t, &between{World: w, before: func(r *http.Request) { hosts[r.URL.Host]++ }}, "apply", path)
				if code != exitOK || got.Summary.Created != 1 {
					t.Errorf("exit code %d, %+v, %+v", code, got.Summary, got.Targets)
				}
				// The role and whose it is; one List and one Put.
				if diff := cmp.Diff(map[string]int{row.sts: 2, row.lambda: 2}, hosts); diff != "" {
					t.Errorf("hosts: %s", diff)
				}
				record, _ := w.Record(second, row.region, "orders", "")
				if want := "arn:" + row.partition + ":sqs:" + row.region + ":222222222222:dlq"; record.OnFailure != want {
					t.Errorf("on_failure is %q, want %q", record.OnFailure, want)
				}
			})
		})
	}
}
