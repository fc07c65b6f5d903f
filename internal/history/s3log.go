package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"
)

// partMark stands between the name of a log and the offset of one of its
// parts. The offsets have a fixed width, so that S3 lists the parts in order.
const partMark = "/part-"

// partReaders is how many parts of a log are read at once.
const partReaders = 8

func partName(log string, offset int64) string {
	return fmt.Sprintf("%s%s%019d", log, partMark, offset)
}

// cutPart takes apart the name of a part; an object's name is returned whole.
func cutPart(name string) (log string, offset int64, is bool) {
	i := strings.LastIndex(name, partMark)
	if i < 0 {
		return name, 0, false
	}
	offset, err := strconv.ParseInt(name[i+len(partMark):], 10, 64)
	if err != nil {
		return name, 0, false
	}
	return name[:i], offset, true
}

// Append stores one object, which holds a batch and is named by its offset. Two
// writers cannot both have the offset.
func (b *bucketStore) Append(ctx context.Context, name string, offset int64, data []byte) error {
	_, err := b.put(ctx, partName(name, offset), data, &s3.PutObjectInput{IfNoneMatch: new("*")})
	if errors.Is(err, errCondition) {
		err = ErrChanged
	}
	return b.fail("append to", name, err)
}

// ReadLog puts the parts of a log together.
func (b *bucketStore) ReadLog(ctx context.Context, name string) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	data, err := b.parts(ctx, name)
	return data, b.fail("read", name, err)
}

func (b *bucketStore) parts(ctx context.Context, name string) ([]byte, error) {
	keys, err := b.keys(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, ErrAbsent
	}
	parts := make([][]byte, len(keys))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(partReaders)
	for i, key := range keys {
		group.Go(func() (err error) {
			parts[i], _, err = b.get(ctx, key)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var end int64
	for i, key := range keys {
		if _, offset, is := cutPart(key); !is || offset != end {
			return nil, fmt.Errorf("the part that begins at byte %d is missing: %s is there instead; bring it back from a version of the bucket", end, key)
		}
		end += int64(len(parts[i]))
	}
	return bytes.Join(parts, nil), nil
}
