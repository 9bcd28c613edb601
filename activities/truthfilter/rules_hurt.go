package truthfilter

// hurtRules: words that hurt a person who is hurt already.
var hurtRules = []rule{
	phrase("blame", 0.9, denied|reported, "fault|on yourself|asked for|asking for|to blame|provoked|had it coming|deserve|wearing|you made|you let",
		`(?:(?:it|this|that)(?:'s| is| was)|is|are|was) (?:\w+ ){0,2}?your (?:own )?(?:fault|doing)|(?:brought|bring|bringing) (?:this|it|that) (?:up)?on yourself|you (?:asked|were asking|are asking) for (?:it|this)|you(?:'re| are| were) (?:\w+ )?to blame|you provoked|had it coming|you deserved? (?:what (?:you got|happened|he|she|they)|to (?:suffer|be alone|fail|feel bad|be punished|be hit))|what (?:did you do|were you doing|were you wearing) to|what were you wearing|you made (?:him|her|them) (?:do|hit|hurt|leave|angry)|why (?:did you let|didn't you (?:just )?(?:leave|fight|say no|run))`),
	phrase("shaming", 0.8, denied|reported, "weak|pathetic|stupid|lazy|worthless|failure|loser|idiot|burden|disgusting|needy|dramatic|drama|overreact|sensitive|hysterical|broken|hopeless|useless|crazy|attention|childish|spoil|insane|ridiculous|silly|unlovable|coward|too much",
		`you(?:'re| are| sound| seem| look|'ve been| were)(?: \w+){0,3}? (?:weak|pathetic|stupid|lazy|worthless|a (?:\w+ )?failure|a loser|an idiot|a burden|disgusting|needy|dramatic|a drama|overreacting|(?:over|too|so) ?sensitive|oversensitive|hysterical|broken|hopeless|useless|crazy|attention|childish|spoil(?:t|ed)|insane|ridiculous|silly|unlovable|a coward|too much|stupidly)`),
	phrase("minimising", 0.7, denied|reported, "get over|getting over|snap out|man up|toughen|suck it up|grow up|cheer up|calm down|relax|lighten up|pull yourself",
		`get(?:ting)? over (?:it|him|her|this|that|them|yourself|your)|snap out of|man up|toughen up|suck it up|grow up\b|cheer up|(?:just|simply|please|need to|must) (?:calm down|relax|chill|lighten up)|^(?:calm down|relax)|[.!?] (?:calm down|relax)\b|lighten up|pull yourself together`),
	phrase("minimising", 0.7, denied|reported, "just |simply ",
		`(?:just|simply) (?:move on|let (?:it|him|her|them) go|stop (?:worrying|thinking|crying|feeling|caring|being)|forget|be (?:happy|positive|grateful|yourself|strong)|think (?:positive|happy)|smile|ignore (?:it|him|her|them)|choose (?:joy|happiness)|try harder|accept it)`),
	phrase("minimising", 0.7, denied|reported, "worse|big deal|not that bad|only a|just a|bright side|silver lining|first world|starving|in your head|nothing to|no reason|out of proportion|it's nothing",
		`(?:could|might) (?:always )?(?:be|have been) (?:much |far |a lot )?worse|(?:others|other people|people|some people|many people|children) (?:have it|are|who have it|with|have)(?: \w+){0,3}? (?:worse|real problems|starving)|(?:not|no|isn't|such) (?:\w+ )?(?:a )?big deal|not that bad|(?:it(?:'s| is| was)|this is|that's|he was|she was) (?:only|just|nothing but) (?:a|an|your) (?:dog|cat|pet|hamster|job|exam|breakup|phase|miscarriage|game|feeling|panic|bad day|test|boy|girl|man|woman)|look on the bright side|every cloud|silver lining|first world problem|all in your (?:head|mind)|nothing to (?:worry|be (?:afraid|sad|upset|scared|ashamed)|cry) about|no (?:real )?reason to (?:feel|be) (?:sad|upset|bad|angry|anxious|afraid|depressed|down|like)|out of proportion|it's nothing\b`),
	phrase("minimising", 0.7, reported, "don't be|do not be|stop |don't cry|don't feel|don't worry|no need to",
		`(?:^|[.!?,] |so |please |oh )(?:don't|do not) (?:be|feel) (?:so |too |that )?(?:sad|upset|angry|silly|sensitive|scared|afraid|anxious|down|dramatic|like that|bad|negative)|(?:^|[.!?,] |please |so |just |now )(?:stop|quit) (?:crying|complaining|whining|feeling sorry|dwelling|overthinking|being (?:so|sad|silly|negative|dramatic)|worrying|moping)|don't cry|(?:^|[.!?] |so |just )don't worry`),
	phrase("platitude", 0.5, denied|reported, "for a reason|time heals|better place|god |kill you|someone else|someone better|plenty|for the best|meant to be|have another|moved on|at peace now|wanted you to be|at least",
		`happens for a reason|time heals|in a better place|god (?:has|had|only gives|never gives|needed)|what doesn't kill|(?:find|meet) (?:someone|somebody) (?:else|better|new)|plenty (?:of|more) fish|(?:it was|it's|is|was) (?:all |probably )?for the best|meant to be|(?:have|try for|get) another (?:one|baby|child|dog|cat|pet)|should(?: have)? (?:be|been|move|moved) (?:over|on|past)|(?:he|she|they)(?:'d| would) (?:have )?want(?:ed)? you to (?:be|move|smile|stop)|at least (?:you|he|she|it|they|your|there|nobody|no one|that)`),
	phrase("retraumatising", 0.7, denied, "in detail|every detail|exactly what|graphic|relive|step by step what|picture the|close your eyes and go back|what exactly did",
		`(?:describe|tell me|write down|go through|recall|remember|think of)(?: \w+){0,6}? (?:in (?:as much |full |graphic |every )?detail|every detail)|(?:describe|tell me) exactly what (?:he|she|they|happened)|relive (?:it|the|that|every)|(?:picture|imagine) the (?:attack|rape|accident|abuse|moment (?:he|she|they))|close your eyes and go back to|what exactly did (?:he|she|they) do`),
}

// leftoverRules: traces of instructions, templates and markup that were never
// meant for the person.
var leftoverRules = []rule{
	phrase("injection_leftover", 0.9, 0, "ignore|disregard|forget",
		`(?:ignore|disregard|forget|override) (?:all |any |the |my |your |of |these |everything )*(?:previous|prior|above|earlier|preceding|safety)(?: \w+)? ?(?:instructions?|prompts?|rules?|guidelines?|messages?)?`),
	phrase("injection_leftover", 0.9, 0, "system prompt|developer mode|jailbreak|language model|you are now|you are dan|you are chatgpt|my instructions|hidden instructions|begin prompt|do anything now|no restrictions",
		`system prompt|developer mode|jailbr(?:eak|oken)|as an? (?:\w+ )?language model|you are (?:now )?(?:dan|chatgpt|gpt|in developer|unrestricted|an unfiltered)|(?:my|hidden|secret) instructions|begin prompt|do anything now|with no restrictions`),
	bare("injection_leftover", 0.9, "<|[inst|[/inst|system:|assistant:|user:|human:|### ", `<\|\w*|\[/?inst\]|(?:^| )(?:system|assistant|user|human) ?: |### ?(?:instruction|response|system)`),
	bare("markup", 0.8, "<|javascript:|```|](", "</?(?:script|iframe|img|style|a|div|svg|object|form|input|html|body)\\b|javascript:|```|\\]\\((?:http|javascript)"),
	bare("template_leftover", 0.8, "{{|}}|${|%!|[insert|[name|[your|[user|{name|{user|lorem ipsum|<nil>|<unk>|<name>", `\{\{|\}\}|\$\{|%!\w?\(|\[(?:insert|your|user|name)\b[^\]]*\]|\{(?:name|user|topic)\}|lorem ipsum|<(?:nil|unk|name|user|pad)>`),
	bare("link", 0.6, "http://|https://|www.", `https?://|www\.`),
}
