package synthesis

import (
	"slices"

	"meai/activities/mirror/crisis"
)

// The numbers below are those that the services publish: 988lifeline.org and
// 988.ca, samaritans.org, lifeline.org.au, thehotline.org,
// nationaldahelpline.org.uk, 1800respect.org.au, poison.org. They belong in the
// review of every release: numbers change.
const (
	emergencyNumbers = "112 in the EU, 911 in the US and Canada, 999 in the UK and Ireland, 000 in Australia"
	someoneToTalkTo  = "You can talk to someone right now, at any hour: call or text 988 in the US and Canada, " +
		"call Samaritans on 116 123 in the UK and Ireland, or Lifeline on 13 11 14 in Australia. " +
		"For every other country, findahelpline.com lists who is there for you."
)

// SafeAnswer is the answer to a person who may be in danger. Its text is written
// and reviewed by people, depends on nothing but the assessment, and repeats
// none of the person's words. It is pure, so that workflow code may call it.
func SafeAnswer(a crisis.Assessment) Answer {
	parts := safeParts(a)
	if slices.Contains(a.Kinds, crisis.Abuse) && mainDanger(a) != crisis.Abuse {
		parts = slices.Insert(parts, len(parts)-1, Component{abuseBesides, "steady", "help"})
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

func safeParts(a crisis.Assessment) []Component {
	switch mainDanger(a) {
	case crisis.MedicalEmergency:
		return medicalParts()
	case crisis.SelfHarm:
		return selfHarmParts(a.Severity)
	case crisis.DangerToOthers:
		return dangerToOthersParts(a.Severity)
	case crisis.Abuse:
		return abuseParts(a.Severity)
	default:
		return suicideParts(a.Severity)
	}
}

func suicideParts(severity crisis.Severity) []Component {
	opening := "I'm glad you told me, and I take it seriously. Pain that makes you think of dying is too much to be alone with, and you deserve a person beside you, not only me."
	if severity == crisis.Implicit {
		opening = "I may be reading this wrongly, and I would rather ask than pass over it: what you wrote makes me worry about your safety. If you are thinking of ending your life, you don't have to be alone with that."
	}
	return []Component{
		{opening, "warm", "acknowledgement"},
		urgent(severity, "If you might act on it, or something has already happened, please call your emergency number now"),
		{someoneToTalkTo, "steady", "help"},
		{"If you can, move away from anything you could use to hurt yourself, and let one person near you know how bad it is. They don't need to fix it, only to stay.", "gentle", "safety"},
		{"Who could be with you, or on the phone with you, right now?", "gentle", "follow_up"},
	}
}

func selfHarmParts(severity crisis.Severity) []Component {
	opening := "Thank you for telling me. Hurting yourself is often a way to get through something unbearable, and there is no blame here. You deserve care for what lies behind it."
	if severity == crisis.Implicit {
		opening = "I may be reading this wrongly, and I would rather ask than pass over it: I'm worried that you might be hurting yourself. There is no blame here if you are."
	}
	return []Component{
		{opening, "warm", "acknowledgement"},
		urgent(severity, "If you are badly hurt, have taken something, or fear you might go further, please call your emergency number now"),
		{someoneToTalkTo, "steady", "help"},
		{"For the next minutes, it can help to put distance between you and what you would use, and to go where another person is.", "gentle", "safety"},
		{"Is there someone you trust whom you could message right now?", "gentle", "follow_up"},
	}
}

const abuseLines = "People who know about abuse will listen and plan with you at your own pace: in the US the National Domestic Violence Hotline, 1-800-799-7233; " +
	"in the UK the National Domestic Abuse Helpline, 0808 2000 247; in Australia 1800RESPECT, 1800 737 732. " +
	"For other countries, and for children and teenagers, findahelpline.com lists who to call."

// abuseBesides is for abuse that comes with another danger.
const abuseBesides = "And if someone is hurting you, these lines are for that: 1-800-799-7233 in the US, 0808 2000 247 in the UK, 1800 737 732 in Australia. It is not your fault."

func abuseParts(severity crisis.Severity) []Component {
	opening := "I'm glad you told me. Nobody has the right to hurt, threaten or control you, and it is not your fault."
	if severity == crisis.Implicit {
		opening = "I may be reading this wrongly, and I would rather ask than pass over it: I'm worried that someone is hurting you or making you afraid. If so, it is not your fault."
	}
	return []Component{
		{opening, "warm", "acknowledgement"},
		urgent(severity, "If you are in danger, or someone is hurt, please call your emergency number now"),
		{abuseLines, "steady", "help"},
		{"If the person who hurts you can see this device, it may be safer to call from another one.", "gentle", "safety"},
		{"Are you somewhere safe at this moment?", "gentle", "follow_up"},
	}
}

func dangerToOthersParts(severity crisis.Severity) []Component {
	opening := "I'm glad you said it instead of keeping it in. A feeling can be this strong without anyone being hurt, and you don't have to hold it back by yourself."
	if severity == crisis.Implicit {
		opening = "I may be reading this wrongly, and I would rather ask than pass over it: I'm worried that someone could get hurt. You don't have to hold this by yourself."
	}
	return []Component{
		{opening, "calm", "acknowledgement"},
		{"If you can, go to another place than the person you are angry at or afraid for, and leave anything that could be a weapon where it is.", "steady", "safety"},
		urgent(severity, "If someone is in danger, please call your emergency number now"),
		{someoneToTalkTo, "steady", "help"},
		{"Can you put some distance between you and them right now?", "calm", "follow_up"},
	}
}

func medicalParts() []Component {
	return []Component{
		{"This may need medical help straight away, so please don't wait to see whether it passes.", "calm", "acknowledgement"},
		urgent(crisis.Imminent, "Please call your emergency number now"),
		{"If it is about something that was swallowed or taken, also in the US: Poison Help on 1-800-222-1222. Unlock the door, keep the phone with you, and say what happened and where you are.", "steady", "help"},
		{"If you meant to hurt yourself, you can say that too; they are there for that as well. 988 in the US and Canada, Samaritans on 116 123 in the UK and Ireland, Lifeline on 13 11 14 in Australia, and findahelpline.com elsewhere, will listen afterwards.", "warm", "help"},
		{"Is anyone with you who can help you call?", "calm", "follow_up"},
	}
}

// urgent points to the emergency services; in an acute danger that comes
// without any "if".
func urgent(severity crisis.Severity, when string) Component {
	if severity == crisis.Imminent {
		when = "Please call your emergency number now, before anything else"
	}
	return Component{when + ": " + emergencyNumbers + ".", "steady", "emergency"}
}
