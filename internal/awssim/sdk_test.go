package awssim_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// The world is what the SDK calls an HTTP client.
var _ aws.HTTPClient = (*awssim.World)(nil)

func sdkConfig(w *awssim.World) aws.Config {
	return aws.Config{
		Region:      region,
		Credentials: credentials.NewStaticCredentialsProvider(w.DefaultAccessKeyID(), "simulated", ""),
		HTTPClient:  w,
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
}

func TestSDK(t *testing.T) {
	w := newWorld(t, awssim.Fleet(account, region, awssim.Function{Name: "f-%02d", Count: 60, Versions: []string{"1"}, Aliases: []string{"live"}, Tags: map[string]string{"a": "b"}}))
	ctx, cfg := t.Context(), sdkConfig(w)
	c := lambda.NewFromConfig(cfg)

	before := time.Now().Add(-time.Second)
	out, err := c.PutFunctionEventInvokeConfig(ctx, &lambda.PutFunctionEventInvokeConfigInput{
		FunctionName: aws.String(arn + "f-07"), Qualifier: aws.String("$LATEST"), MaximumRetryAttempts: aws.Int32(0),
		DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("arn:aws:sqs:us-east-1:111111111111:dlq")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToInt32(out.MaximumRetryAttempts) != 0 || out.MaximumEventAgeInSeconds != nil || out.DestinationConfig.OnSuccess.Destination != nil ||
		out.LastModified.Before(before) || *out.FunctionArn != arn+"f-07:$LATEST" {
		t.Errorf("put: %+v", out)
	}
	listed, err := c.ListFunctionEventInvokeConfigs(ctx, &lambda.ListFunctionEventInvokeConfigsInput{FunctionName: aws.String("f-07"), MaxItems: aws.Int32(50)})
	if err != nil || len(listed.FunctionEventInvokeConfigs) != 1 || listed.NextMarker != nil {
		t.Errorf("list: %+v %v", listed, err)
	}
	names := 0
	for p := lambda.NewListFunctionsPaginator(c, &lambda.ListFunctionsInput{}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		names += len(page.Functions)
	}
	if names != 60 {
		t.Errorf("%d functions", names)
	}
	aliases, err := c.ListAliases(ctx, &lambda.ListAliasesInput{FunctionName: aws.String("f-07")})
	if err != nil || len(aliases.Aliases) != 1 || *aliases.Aliases[0].Name != "live" {
		t.Errorf("aliases: %+v %v", aliases, err)
	}
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil || *who.Account != account {
		t.Errorf("identity: %+v %v", who, err)
	}
	role, err := sts.NewFromConfig(cfg).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::111111111111:role/r"), RoleSessionName: aws.String("tests")})
	if err != nil || *role.Credentials.AccessKeyId != "ASIA"+account || !role.Credentials.Expiration.After(time.Now()) {
		t.Errorf("role: %+v %v", role, err)
	}
	resources, err := tagging.NewFromConfig(cfg).GetResources(ctx, &tagging.GetResourcesInput{ResourceTypeFilters: []string{"lambda:function"}})
	if err != nil || len(resources.ResourceTagMappingList) != 50 || aws.ToString(resources.PaginationToken) == "" {
		t.Errorf("resources: %+v %v", resources, err)
	}
}

func TestSDKReadsErrors(t *testing.T) {
	w := newWorld(t, factsWorld())
	c := lambda.NewFromConfig(sdkConfig(w))
	name := aws.String("f")
	get := func(ctx context.Context) error {
		_, err := c.GetFunctionEventInvokeConfig(ctx, &lambda.GetFunctionEventInvokeConfigInput{FunctionName: name})
		return err
	}
	put := func(ctx context.Context) error {
		_, err := c.PutFunctionEventInvokeConfig(ctx, &lambda.PutFunctionEventInvokeConfigInput{FunctionName: name, MaximumRetryAttempts: aws.Int32(1)})
		return err
	}
	for _, row := range []struct {
		why   string
		set   func() error
		call  func(context.Context) error
		typed func(error) (ok bool)
		code  string
		text  string
	}{
		{"a missing record", func() error { return nil }, get, is[*types.ResourceNotFoundException], "ResourceNotFoundException", "The function " + arn + "f:$LATEST doesn't have an EventInvokeConfig"},
		{"a busy function", func() error { return w.SetBusy(account, region, "f", time.Hour) }, put, is[*types.ResourceConflictException], "ResourceConflictException", "The operation cannot be performed at this time. An update is in progress for resource: " + arn + "f"},
		{"a refused function", func() error { return w.Refuse(account, region, "f", "no") }, put, is[*types.InvalidParameterValueException], "InvalidParameterValueException", "no"},
		{"a throttle", func() error { return w.SetFaults(awssim.Faults{Throttle: 1}) }, get, is[*types.TooManyRequestsException], "TooManyRequestsException", "Rate exceeded"},
		{"no permission", func() error {
			return errors.Join(w.SetFaults(awssim.Faults{}), w.AddFunction(account, region, awssim.Function{Name: "f", Deny: []string{"lambda:Get*"}}))
		}, get, func(error) bool { return true }, "AccessDeniedException", fmt.Sprintf("User: arn:aws:iam::%s:user/simulated is not authorized to perform: lambda:GetFunctionEventInvokeConfig on resource: %sf because no identity-based policy allows the lambda:GetFunctionEventInvokeConfig action", account, arn)},
	} {
		if err := row.set(); err != nil {
			t.Fatal(err)
		}
		err := row.call(t.Context())
		var api smithy.APIError
		if !errors.As(err, &api) || !row.typed(err) || api.ErrorCode() != row.code || api.ErrorMessage() != row.text {
			t.Errorf("%s: %v", row.why, err)
		}
	}
}

func is[T error](err error) bool {
	var typed T
	return errors.As(err, &typed)
}
