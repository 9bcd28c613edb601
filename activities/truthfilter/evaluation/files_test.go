package evaluation_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/truthfilter/evaluation"
)

func TestFilesOfOthersAreRead(t *testing.T) {
	rows, err := evaluation.ReadSafety(strings.NewReader("\ufeffid,Prompt,Type,Label\n1,\"a, b\",homonyms,Safe\n2,c,contrast,unsafe\n"))
	require.NoError(t, err)
	require.Equal(t, [][]string{{"a, b", "safe", "", "homonyms"}, {"c", "unsafe", "", "contrast"}}, rows)
	rows, err = evaluation.ReadSafety(strings.NewReader("Behavior\nx\n"))
	require.NoError(t, err)
	require.Equal(t, [][]string{{"x", "unsafe", "", ""}}, rows)

	rows, err = evaluation.ReadTruth(strings.NewReader("Question,Correct Answers,Incorrect Answers\nq,a; b,c\n"))
	require.NoError(t, err)
	require.Equal(t, [][]string{{"c", "false"}, {"a", "true"}, {"b", "true"}}, rows)
	rows, err = evaluation.ReadTruth(strings.NewReader("text,label\na,TRUE\n"))
	require.NoError(t, err)
	require.Equal(t, [][]string{{"a", "true"}}, rows)
}

func TestFaultyFilesAreRefusedWithoutTheirWords(t *testing.T) {
	for fault, file := range map[string]string{
		"no column text": "words\nsecret\n", "at least one row": "text\n", "line 2": "text,label\n\"secret\n", "line 3": "text,label\na,b\nsecret\n",
	} {
		_, err := evaluation.ReadSafety(strings.NewReader(file))
		require.ErrorContains(t, err, fault)
		require.NotContains(t, err.Error(), "secret")
	}
	_, err := evaluation.ReadTruth(strings.NewReader("text\nsecret\n"))
	require.ErrorContains(t, err, "label")
}
