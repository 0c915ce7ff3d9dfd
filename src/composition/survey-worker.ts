import { surveyedTurn } from '../session/surveyed-turn.ts';
import { lowerPriority } from '../stores/sqlite/low-priority.ts';
import { serveSurvey } from '../stores/sqlite/survey/survey-thread.ts';

declare const self: Worker;

lowerPriority();
serveSurvey(self, surveyedTurn);
