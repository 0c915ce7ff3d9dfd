import { surveyedTurn } from '../session/surveyed-turn.ts';
import { serveSurvey } from '../stores/sqlite/survey/survey-thread.ts';

declare const self: Worker;

serveSurvey(self, surveyedTurn);
