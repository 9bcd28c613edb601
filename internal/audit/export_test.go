package audit

import "encoding/binary"

// Encode is the whole leaf of an entry, without the checks of its vocabulary.
func Encode(e Entry) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(e.Index))
	b = binary.BigEndian.AppendUint64(b, uint64(e.Time.UnixMicro()))
	return append(b, e.body()...)
}
