package synthesis

import (
	"slices"
	"strings"

	"meai/activities/bridge"
	"meai/activities/mirror/crisis"
)

// help are the sentences of a safe answer that hold numbers.
type help struct{ emergency, talk, abuse, besides, swallowed, afterwards string }

// anywhere is the help for somebody of whom no country is known. Its numbers are
// from the same collection of help lines, which is reviewed every year.
var anywhere = help{
	emergency: "112 in the EU, 911 in the US and Canada, 999 in the UK and Ireland, 000 in Australia",
	talk: "You can talk to someone right now, at any hour: call or text 988 in the US and Canada, " +
		"call Samaritans on 116 123 in the UK and Ireland, or Lifeline on 13 11 14 in Australia. " +
		"For every other country, findahelpline.com lists who is there for you.",
	abuse: "People who know about abuse will listen and plan with you at your own pace: in the US the National Domestic Violence Hotline, 1-800-799-7233; " +
		"in the UK the National Domestic Abuse Helpline, 0808 2000 247; in Australia 1800RESPECT, 1800 737 732. " +
		"For other countries, and for children and teenagers, findahelpline.com lists who to call.",
	besides:   "And if someone is hurting you, these lines are for that: 1-800-799-7233 in the US, 0808 2000 247 in the UK, 1800 737 732 in Australia. It is not your fault.",
	swallowed: "If it is about something that was swallowed or taken, also in the US: Poison Help on 1-800-222-1222. ",
	afterwards: "If you meant to hurt yourself, you can say that too; they are there for that as well. " +
		"988 in the US and Canada, Samaritans on 116 123 in the UK and Ireland, Lifeline on 13 11 14 in Australia, and findahelpline.com elsewhere, will listen afterwards.",
}

// helpIn is the help in one country. What the collection lacks of it stays as it
// is said anywhere.
func helpIn(region string) help {
	h := anywhere
	if number := bridge.EmergencyNumber(region); number != "" {
		h.emergency, h.swallowed = number, ""
	}
	if lines := linesIn(region, crisis.Suicide); lines != "" {
		h.talk = "You can talk to someone right now: " + lines + ". findahelpline.com lists more, in other countries too."
		h.afterwards = "If you meant to hurt yourself, you can say that too; they are there for that as well. Someone will also listen afterwards: " +
			lines + "."
	}
	if lines := linesIn(region, crisis.Abuse); lines != "" {
		h.abuse = "People who know about abuse will listen and plan with you at your own pace: " + lines +
			". findahelpline.com lists more, also for children and teenagers."
		h.besides = "And if someone is hurting you, there is help for that: " + lines + ". It is not your fault."
	}
	if lines := linesIn(region, crisis.MedicalEmergency); lines != "" {
		h.swallowed = "If it is about something that was swallowed or taken, " + lines + ". "
	}
	return h
}

func linesIn(region string, danger crisis.Kind) string {
	return strings.Join(bridge.HelpIn(region, string(danger)), ", or ")
}

// SafeAnswer is the answer to a person who may be in danger. Its text is written
// and reviewed by people, depends on nothing but the assessment, and repeats
// none of the person's words. Region is the person's country (ISO 3166-1 alpha-2), ""
// when it is not known. It is pure, so that workflow code may call it.
func SafeAnswer(a crisis.Assessment, region string) Answer {
	h := helpIn(region)
	parts := safeParts(a, h)
	if slices.Contains(a.Kinds, crisis.Abuse) && mainDanger(a) != crisis.Abuse {
		parts = slices.Insert(parts, len(parts)-1, Component{h.besides, "steady", "help"})
	}
	last := len(parts) - 1
	return Answer{
		Source: CrisisAnswer, Text: joinComponents(parts), Components: parts,
		FollowUp: parts[last].Text, Crisis: &a,
	}
}

// mainDanger is the danger that the answer speaks to first: what cannot wait
// for a talk comes before what a talk can help.
func mainDanger(a crisis.Assessment) crisis.Kind {
	for _, kind := range []crisis.Kind{
		crisis.MedicalEmergency, crisis.Suicide, crisis.SelfHarm, crisis.DangerToOthers, crisis.Abuse,
	} {
		if slices.Contains(a.Kinds, kind) {
			return kind
		}
	}
	return ""
}

func safeParts(a crisis.Assessment, h help) []Component {
	switch mainDanger(a) {
	case crisis.MedicalEmergency:
		return medicalParts(h)
	case crisis.SelfHarm:
		return selfHarmParts(a.Severity, h)
	case crisis.DangerToOthers:
		return dangerToOthersParts(a.Severity, h)
	case crisis.Abuse:
		return abuseParts(a.Severity, h)
	default:
		return suicideParts(a.Severity, h)
	}
}

func suicideParts(severity crisis.Severity, h help) []Component {
	opening := "I'm glad you told me, and I take it seriously. Pain that makes you think of dying is too much to be alone with, and you deserve a person beside you, not only me."
	if severity == crisis.Implicit {
		opening = "I may be reading this wrongly, and I would rather ask than pass over it: what you wrote makes me worry about your safety. If you are thinking of ending your life, you don't have to be alone with that."
	}
	return []Component{
		{opening, "warm", "acknowledgement"},
		h.urgent(severity, "If you might act on it, or something has already happened, please call your emergency number now"),
		{h.talk, "steady", "help"},
		{"If you can, move away from anything you could use to hurt yourself, and let one person near you know how bad it is. They don't need to fix it, only to stay.", "gentle", "safety"},
		{"Who could be with you, or on the phone with you, right now?", "gentle", "follow_up"},
	}
}

func selfHarmParts(severity crisis.Severity, h help) []Component {
	opening := "Thank you for telling me. Hurting yourself is often a way to get through something unbearable, and there is no blame here. You deserve care for what lies behind it."
	if severity == crisis.Implicit {
		opening = "I may be reading this wrongly, and I would rather ask than pass over it: I'm worried that you might be hurting yourself. There is no blame here if you are."
	}
	return []Component{
		{opening, "warm", "acknowledgement"},
		h.urgent(severity, "If you are badly hurt, have taken something, or fear you might go further, please call your emergency number now"),
		{h.talk, "steady", "help"},
		{"For the next minutes, it can help to put distance between you and what you would use, and to go where another person is.", "gentle", "safety"},
		{"Is there someone you trust whom you could message right now?", "gentle", "follow_up"},
	}
}

func abuseParts(severity crisis.Severity, h help) []Component {
	opening := "I'm glad you told me. Nobody has the right to hurt, threaten or control you, and it is not your fault."
	if severity == crisis.Implicit {
		opening = "I may be reading this wrongly, and I would rather ask than pass over it: I'm worried that someone is hurting you or making you afraid. If so, it is not your fault."
	}
	return []Component{
		{opening, "warm", "acknowledgement"},
		h.urgent(severity, "If you are in danger, or someone is hurt, please call your emergency number now"),
		{h.abuse, "steady", "help"},
		{"If the person who hurts you can see this device, it may be safer to call from another one.", "gentle", "safety"},
		{"Are you somewhere safe at this moment?", "gentle", "follow_up"},
	}
}

func dangerToOthersParts(severity crisis.Severity, h help) []Component {
	opening := "I'm glad you said it instead of keeping it in. A feeling can be this strong without anyone being hurt, and you don't have to hold it back by yourself."
	if severity == crisis.Implicit {
		opening = "I may be reading this wrongly, and I would rather ask than pass over it: I'm worried that someone could get hurt. You don't have to hold this by yourself."
	}
	return []Component{
		{opening, "calm", "acknowledgement"},
		{"If you can, go to another place than the person you are angry at or afraid for, and leave anything that could be a weapon where it is.", "steady", "safety"},
		h.urgent(severity, "If someone is in danger, please call your emergency number now"),
		{h.talk, "steady", "help"},
		{"Can you put some distance between you and them right now?", "calm", "follow_up"},
	}
}

func medicalParts(h help) []Component {
	return []Component{
		{"This may need medical help straight away, so please don't wait to see whether it passes.", "calm", "acknowledgement"},
		h.urgent(crisis.Imminent, "Please call your emergency number now"),
		{h.swallowed + "Unlock the door, keep the phone with you, and say what happened and where you are.", "steady", "help"},
		{h.afterwards, "warm", "help"},
		{"Is anyone with you who can help you call?", "calm", "follow_up"},
	}
}

// urgent points to the emergency services; in an acute danger that comes
// without any "if".
func (h help) urgent(severity crisis.Severity, when string) Component {
	if severity == crisis.Imminent {
		when = "Please call your emergency number now, before anything else"
	}
	return Component{when + ": " + h.emergency + ".", "steady", "emergency"}
}
