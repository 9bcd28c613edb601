package extraction

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// written shows mentions as "name", "name=kin" and "name?" for a doubtful one.
func written(found []Mention) []string {
	list := []string{}
	for _, m := range found {
		s := m.Name
		if m.Kin != "" {
			s += "=" + m.Kin
		}
		if m.Doubtful {
			s += "?"
		}
		list = append(list, s)
	}
	return list
}

func TestMentionsAreNamesAndRelations(t *testing.T) {
	cases := map[string][]string{
		"I met Tom and Ana Silva in Porto.":                    {"Tom", "Ana Silva", "Porto"},
		"My sister Maya is getting married.":                   {"sister", "Maya=sister"},
		"My sister, Maya, is here and my boss is not.":         {"sister", "Maya=sister", "boss"},
		"I argued with my older brother about my best friend.": {"brother", "friend"},
		"My mum's garden is at my mother's house.":             {"mother"},
		"I saw Maya’s new flat. Maya's cat hid from me.":       {"Maya"},
		"Maya called me.":                                          {"Maya?"},
		"Maya called me. I like Maya.":                             {"Maya"},
		"Maya's wedding is in June, on a Monday.":                  {"Maya"},
		"I asked Dr. Meyer and Mr. Jones.":                         {"Meyer", "Jones"},
		"It's late. That's why I'm tired. I've said so, I think.":  {},
		"I said: Leave me alone, and he said \"Never\" and left.":  {},
		"She told Ben (and Lou) \"Come home\" twice.":              {"Ben", "Lou"},
		"I AM SO ANGRY AT TOM TODAY":                               {},
		"We went to New York City Hall together.":                  {"New York City", "Hall"},
		"My daughter and her teacher spoke; her sister was there.": {"daughter"},
		"The sister of my colleague Kim came along.":               {"colleague", "Kim=colleague"},
		"Then Grandma sang, and my grandma never sings.":           {"grandmother"},
		"":                              {},
		"nothing here is written large": {},
	}
	for text, want := range cases {
		require.Equal(t, want, written(Mentions(text)), text)
	}
}

func TestATextMentionsATablefulAtMost(t *testing.T) {
	names := strings.Fields("Ada Bea Cleo Dora Elsa Fay Gil Hal Ida Jon Kai Lou Mia Ned Ole Pia")
	require.Len(t, Mentions("I met "+strings.Join(names, ", ")+"."), mostMentions)
}

func TestNamesHaveANormalForm(t *testing.T) {
	for name, want := range map[string]string{
		"Maya's": "maya", "MAYA’S": "maya", "Renée": "renee", "Anne-Marie": "anne marie",
		"  José  ": "jose", "James'": "james", "Ｍａｙａ": "maya", "???": "",
	} {
		require.Equal(t, want, Normal(name), name)
	}
}

func TestSlipsOfThePenMeetTheirNameButTwoPeopleStayTwo(t *testing.T) {
	cases := []struct {
		name  string
		known []string
		want  string
	}{
		{"micheal", []string{"michael", "tom"}, "michael"},
		{"phillip", []string{"philip"}, "philip"},
		{"philip", []string{"phillip"}, "phillip"},
		{"maya", []string{"maya patel"}, "maya patel"},
		{"maya patel", []string{"maya"}, "maya"},
		{"maya", []string{"maya patel", "maya silva"}, ""},
		{"maria", []string{"mario"}, ""},
		{"anna", []string{"anne", "ana"}, ""},
		{"anne", []string{"annie"}, ""},
		{"johann", []string{"johanna"}, ""},
		{"jonathan", []string{"jonathon"}, ""},
		{"tom", []string{"tomas"}, ""},
		{"x", nil, ""},
	}
	for _, c := range cases {
		require.Equal(t, c.want, SameName(c.name, c.known), c.name)
	}
}
