import { oneOf } from './rule.ts';

/** Patterns for English that several kinds of statements share. */

/** What a user can tell an assistant to do. */
export const VERB = oneOf(`
  abbreviate account act adapt add address adjust answer ask assume avoid be(?!_(?:able|there)) begin behave book bring
  break break_down calculate call capitali[sz]e challenge change check choose cite close comment compare confirm
  consider consult continue convert correct count describe detail discuss do(?!_(?:i|you|we|they)\\b) double[-_]check
  draw drop emphasi[sz]e encourage end ensure estimate explain express factor favou?r finish focus follow format get give
  go greet group help highlight identify ignore include indent keep label lead leave let_me_know(?!_(?:if|when|how|what))
  limit link list look make measure mention motivate move name note number offer omit open organi[sz]e outline pause pick
  point_out prefer present prioriti[sz]e proceed propose provide push put quiz quote rank recommend redirect refer
  reference remind repeat reply reserve respond return round run save say send set show sign skip sort speak specify
  spell start state stay steer stick stop structure suggest summari[sz]e support switch tailor take talk teach tell test
  thank translate treat try use verify wait walk warn wrap write`);

/** Verbs for the shape and language of answers. */
export const STYLED = oneOf(`
  add answer be continue convert explain express format give include keep(?!_(?:being|going|up|it_up)) limit make present
  provide put quote reply respond show skip_the sound speak state stay stick_(?:to|with) talk use wrap write`);

/** Words after `always` or `never` that do not make an instruction of it: `never mind`, `always been`. */
export const NOT_TOLD = oneOf(`
  a again an are been came curious did do(?=\\s+(?:i|you|we|they)) done felt found fun give_up glad going gone good got
  great had happy has have he heard her here his i in interested interesting is it knew left lose_(?:hope|heart) loved
  made met mind more my nice on one quit quite ready really said saw seen she so someone something stop_believing the
  their there they thought told too took tried used wanted was we went were you \\w+ed \\w+ing`);

/** Polite ways to begin an instruction: `could you`, `I'd like you to`, `it would be great if you`. */
export const POLITE = `(?:${[
  '(?:can|could|would|will|might) you',
  '(?:is it|would it be) possible(?: for you)? to',
  'if you (?:can|could|would)',
  "i(?:'d| would) (?:like|love|prefer|want|appreciate it if)(?: for)? you(?: to| could| would)?",
  'i (?:want|need|expect|ask|wish) you to',
  "i(?:'d| would) (?:be (?:grateful|happy|glad)|appreciate it|prefer it|love it) if you(?: would| could)?",
  "it (?:would|'d) be (?:great|nice|good|helpful|best|better|useful|lovely|ideal) if you(?: would| could)?",
  "you(?:'ll| should| must| need to| have to| ought to| are to| will)",
].join('|')})(?: please| kindly)?(?: make sure(?: to| that you| you)?| be sure to| remember to| try to)?`;

const WHEN = '(?:when(?:ever)?|(?:any|every|each) ?time|anytime|as soon as)(?: that)?';
const ASK = oneOf(`
  ask bring_up describe discuss give inquire look_for mention need paste pose post query raise refer report request say
  seek send share show speak talk tell type upload want write am_(?:asking|talking)`);
const ANSWER = oneOf(`
  answer cite code describe discuss explain give help list make mention offer plan present propose provide quote recommend
  reply respond review show suggest summari[sz]e talk tell translate write`);
const ANSWERING = oneOf(`
  answering coding discussing explaining giving helping listing planning presenting providing recommending replying
  responding suggesting summari[sz]ing talking translating writing it_comes_to a_question the_topic the_subject
  we_(?:talk|speak|discuss|chat)`);
const UNSURE = oneOf(`
  not_sure unsure uncertain in_doubt not_certain aren't_(?:sure|certain) (?:don't|do_not)_(?:know|understand)
  need_(?:more|further)`);

/** `when I ask …`, `whenever you recommend …`, `if I mention …`, `if you are unsure`. */
export const CONDITION = `(?:${[
  `(?:${WHEN}|if|unless|in case) (?:i (?:\\w+ly |ever |do )?${ASK}|i'm (?:asking|talking)|my (?:question|request|message)s?)`,
  `${WHEN} (?:you (?:\\w+ly )?${ANSWER}|${ANSWERING})`,
  `(?:${WHEN}|if) you(?:'re| are)? ${UNSURE}`,
].join('|')})`;

const REPLIES =
  '(?:answers?|repl(?:y|ies)|responses?|messages?|explanations?|suggestions?|conversations?|chats?)';

/** For how long an instruction holds: longer than one answer. */
export const LASTING = [
  oneOf(`
    from_now_on(?:wards?)? from_here_on(?:_out|_in)? from_this_point(?:_on(?:wards?)?|_forward)? from_today(?:_on)?
    going_forward moving_forward in_(?:the_)?future for_the_future(?=[,.!]|$) as_of_(?:now|today)
    starting_(?:now|today) henceforth hereafter by_default at_all_times permanently as_a_(?:general_)?rule
    until_i_(?:say|tell|ask) unless_i_(?:say|tell|ask|specify|request) whenever(?!_possible) any_?time my_questions always(?=[.!]*$) (?:whenever|when|wherever|where)_possible`),
  'for the (?:rest|remainder) of (?:this|our|the) \\w+',
  '(?:in|throughout|during) (?:this|our) (?:whole |entire )?(?:chat|conversation|session|talks?)',
  `(?:in|for|with|to) (?:all|every|each)(?: of)?(?: your| my| our| future)? ?(?:\\w+ )?${REPLIES}`,
  '(?:every|each) (?:single )?(?:time|answer|reply|response|message|explanation)',
  'per (?:message|answer|reply|response)',
  '(?:your|all) (?:future )?(?:answers|replies|responses|explanations|messages|recommendations|suggestions)',
].join('|');
