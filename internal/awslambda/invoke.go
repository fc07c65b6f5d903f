package awslambda

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// InvokeLater asks Lambda to invoke a function by itself, and does not wait for it.
// This is how an invocation hands on what it has no time for; no run makes the call.
func InvokeLater(ctx context.Context, e Environment, function string, payload []byte) error {
	cfg, err := LoadConfig(ctx, e)
	if err != nil {
		return err
	}
	_, err = lambda.NewFromConfig(cfg).Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(function), InvocationType: types.InvocationTypeEvent, Payload: payload})
	if err != nil {
		return AsCallError(function, err)
	}
	return nil
}
