package awslambda

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Writer changes one target. Its client cannot send anything but the three
// writes.
type Writer struct {
	lane   *Conn
	client *lambda.Client
}

var _ reconcile.Writer = (*Writer)(nil)

// NewWriter makes a Writer over a lane.
func NewWriter(l *Conn) *Writer { return &Writer{lane: l, client: l.client(writeOperations())} }

func (w *Writer) about(op string, name desired.Name) call {
	return call{op: op, target: w.lane.target, keys: w.lane.keys, name: name}
}

// Put implements reconcile.Writer.
func (w *Writer) Put(ctx context.Context, name desired.Name, c desired.Config) (reconcile.Record, error) {
	about := w.about(opPut, name)
	out, err := w.client.PutFunctionEventInvokeConfig(ctx, &lambda.PutFunctionEventInvokeConfigInput{
		FunctionName: &name.Function, Qualifier: qualifier(name),
		MaximumRetryAttempts:     number(c[desired.MaximumRetryAttempts]),
		MaximumEventAgeInSeconds: number(c[desired.MaximumEventAgeInSeconds]),
		DestinationConfig:        destinations(c),
	})
	if err != nil {
		return reconcile.Record{}, about.asCallError(failureOf(err))
	}
	return stored(about, out.ResultMetadata)
}

// Update implements reconcile.Writer.
func (w *Writer) Update(ctx context.Context, name desired.Name, c desired.Config) (reconcile.Record, error) {
	about := w.about(opUpdate, name)
	out, err := w.client.UpdateFunctionEventInvokeConfig(ctx, &lambda.UpdateFunctionEventInvokeConfigInput{
		FunctionName: &name.Function, Qualifier: qualifier(name),
		MaximumRetryAttempts:     number(c[desired.MaximumRetryAttempts]),
		MaximumEventAgeInSeconds: number(c[desired.MaximumEventAgeInSeconds]),
		DestinationConfig:        destinations(c),
	})
	if err != nil {
		return reconcile.Record{}, about.asCallError(failureOf(err))
	}
	return stored(about, out.ResultMetadata)
}

// Delete implements reconcile.Writer. Lambda gives one 404 for a missing
// function, qualifier and record: in each case there is no record, as asked.
func (w *Writer) Delete(ctx context.Context, name desired.Name) error {
	_, err := w.client.DeleteFunctionEventInvokeConfig(ctx, &lambda.DeleteFunctionEventInvokeConfigInput{
		FunctionName: &name.Function, Qualifier: qualifier(name),
	})
	if err == nil {
		return nil
	}
	f := failureOf(err)
	if f.kind == reconcile.KindRecordMissing || f.kind == reconcile.KindFunctionMissing {
		return nil
	}
	return w.about(opDelete, name).asCallError(f)
}

// stored is the record that a write answered with, if it is the one asked for.
func stored(about call, md middleware.Metadata) (reconcile.Record, error) {
	answer, err := answerIn[*wireRecord](md)
	if err != nil {
		return reconcile.Record{}, about.distrust(md, err)
	}
	r, err := toRecord(about.target, about.name.Function, answer)
	if err == nil && r.Qualifier != about.name.Qualifier {
		err = fmt.Errorf("the answer is about the qualifier %s, and %s was written", r.Qualifier, about.name.Qualifier)
	}
	if err != nil {
		return reconcile.Record{}, about.distrust(md, err)
	}
	return r, nil
}

// qualifier is nil for $LATEST: without one, Lambda means the same record.
func qualifier(n desired.Name) *string {
	if n.Qualifier == desired.Latest {
		return nil
	}
	return &n.Qualifier
}

func number(v desired.Value) *int32 {
	if !v.IsSet() {
		return nil
	}
	return aws.Int32(int32(v.Int()))
}

// destinations sends the sides that c sets, an empty one as "", which clears
// it; Lambda leaves a side alone that is not sent.
func destinations(c desired.Config) *types.DestinationConfig {
	if !c[desired.OnSuccess].IsSet() && !c[desired.OnFailure].IsSet() {
		return nil
	}
	var d types.DestinationConfig
	if v := c[desired.OnSuccess]; v.IsSet() {
		d.OnSuccess = &types.OnSuccess{Destination: aws.String(v.Text())}
	}
	if v := c[desired.OnFailure]; v.IsSet() {
		d.OnFailure = &types.OnFailure{Destination: aws.String(v.Text())}
	}
	return &d
}
