/**
 * What the synthetic conversations say. All of it is written for this purpose: common words and turns of phrase of
 * people who chat, of people who ask, and of models that answer. None of it comes from a user or from a data set.
 */

const TALK = `
Hey! How are you doing today?|Hi there, it's great to hear from you!|Good to see you again!|Thanks so much, that means a lot to me.
Wow, that sounds amazing! How did you get started with it?|That's awesome! I'm so happy for you.|I'm really glad that it worked out.
I've been thinking about what you said last time.|It was so much fun, and we had a great time together.|I can't wait to see how it turns out!
What have you been up to lately?|Do you have any plans for the weekend?|What do you usually do to relax after work?
I've been working on a new project, and it's been going really well.|I started a new job last week and I'm still learning a lot.
My family and I went to the beach last month.|We spent the whole day at the park with the kids and the dog.|My sister is getting married next year.
It's always good to spend time with friends and family.|They are so supportive, and I couldn't do it without them.
I love cooking, reading books and going for long walks in nature.|Music has always helped me when things were hard.
Have you ever tried something like that before?|Which one is your favorite, and why?|How long have you been doing this?
That must have been hard for you. I'm here if you want to talk about it.|I know how you feel. Just take it one day at a time.
Don't worry, everything is going to be fine.|You should be really proud of yourself!|Keep it up, and let me know how it goes!
By the way, I took this photo yesterday. Take a look at this!|Here's a picture of what I made.|That looks so beautiful and peaceful.
Sure, I'd love to! When would be a good time for you?|Sounds good! Let's meet there tomorrow evening.|Yeah, definitely, count me in!
Thank you for your support, I really appreciate it.|You're welcome! I'm always happy to help.|Thanks for sharing that with me.
I just wanted to let you know that I've finally finished it.|I was a bit nervous at first, but everyone was very kind.
We're hoping to make a difference in our community.|I think it's important to give something back and help other people.
I've always wanted to travel and see different places around the world.|The food was delicious and the people were friendly.
It reminds me of when I was a child.|It's been a long time since I've done something like this.|There's nothing better than that feeling.
I'm looking for something new to read or watch. Any suggestions?|I'd recommend this one, it's a great story about love and friendship.
Congratulations! That's a big step, and you've worked so hard for this.|What inspired you to do that?|What are you going to do next?
Have a great day, and take care!|Talk to you soon, bye!|See you later!|Good luck with everything!
I had a rough week, but things are getting better now.|It's not easy, but it's worth it in the end.|Sometimes we just need a break.
The team played really well last night and won the game.|I practice every day, and I can see that I'm getting better.
I'm learning how to play the guitar and the piano.|Painting helps me to express my feelings and to find some peace.
What's the best way to get there from here?|Could you tell me more about it?|That's interesting, I didn't know that.
Last night we watched a movie at home and then talked for hours.|I want to make sure that they have everything they need.
`;

const QUESTIONS = `
Can you explain how this works, step by step?|What is the difference between the two, and which one should I use?|Please write a short summary of the following text.
How do I fix this error in my code?|Why does this function return undefined when I call it with an empty list?|Could you translate this into English, please?
Write a Python script that reads a CSV file and prints the sum of each column.|I need a SQL query that counts the orders of each customer per month.
Please rewrite the paragraph so that it is shorter and sounds more professional.|Give me five ideas for a name for a small company.
What should I cook tonight with rice, chicken and vegetables?|Help me plan a trip of three days with a budget of about 500 dollars.
What are the main advantages and disadvantages of this approach?|Is there a better way to do this?|Remember that I prefer short answers.
Write an email to my colleague and ask for the report by Friday.|Summarize our conversation so far and list the open points.
How can I improve the performance of my application?|What does this line do, and what happens if the value is null?
Now do the same for the second part.|Make it shorter.|Can you give me an example?|Continue.|Are you sure about that?|What about the other case?
`;

const ANSWERS = `
Sure! Here is a short summary of the main points:|Of course. Here's an example that shows how it works:|Yes, that is possible, but there are a few things to keep in mind.
The problem is that the variable is not defined at this point, so the function returns before the result is available.
To fix this, you can check whether the value exists before you use it.|In this case, I would recommend using the second option, because it is simpler and easier to maintain.
First, make sure that you have installed the latest version. Then run the following command in your terminal.
There are several ways to do this. The most common one is to create a new file and add the following lines to it.
It depends on what you need. If you want the best performance, choose the first; if you want more flexibility, choose the other.
Here are some suggestions:\\n\\n1. **Start small**: choose one thing and do it well.\\n2. **Be consistent**: a little every day is better than a lot once a week.\\n3. **Ask for help**: other people have had the same problem.
\\n\\n- The first option is faster, but it uses more memory.\\n- The second option is slower, but it works with large files.\\n
For example, the following function returns the number of items in the list:\\n\\n\`\`\`python\\ndef count(items):\\n    return len(items)\\n\`\`\`\\n
\`\`\`ts\\nexport async function load(path: string): Promise<string> {\\n  const response = await fetch(path);\\n  if (!response.ok) throw new Error('The request failed.');\\n  return response.text();\\n}\\n\`\`\`
\`\`\`sql\\nSELECT customer, count(*) AS orders\\nFROM orders\\nWHERE created_at >= '2024-01-01'\\nGROUP BY customer\\nORDER BY orders DESC;\\n\`\`\`
I'm sorry, but I don't have access to that information.|Let me know if you have any questions or if you would like more details.
I hope this helps! If you need anything else, just let me know.|Would you like me to explain this in more detail?
Subject: Report for Friday\\n\\nHello,\\n\\ncould you please send me the report by Friday? Thank you very much.\\n\\nBest regards
The result is 42, which means that the answer to your question is yes.|According to the text, there were more than two hundred people, and most of them came from the city.
This is because the system has to wait until the other process is done, which takes about ten seconds.
`;

const OTHERS = `
Guten Tag, können Sie mir bitte helfen? Ich habe eine Frage zu meiner Bestellung.|Das ist eine gute Idee, vielen Dank für die schnelle Antwort!
Natürlich, hier ist eine kurze Zusammenfassung der wichtigsten Punkte:|Wie kann ich das machen, und was muss ich dabei beachten?
Bonjour, pouvez-vous m'aider avec ce texte, s'il vous plaît ?|Merci beaucoup pour votre réponse, c'est très utile.|Voici un résumé des points les plus importants :
Hola, ¿me puedes ayudar con esto, por favor?|Muchas gracias por la respuesta, está muy bien.|Claro, aquí tienes un resumen de los puntos más importantes:
Olá, você pode me ajudar com isso, por favor? Muito obrigado!|Buongiorno, mi può aiutare con questa domanda? Grazie mille!
`;

const LIFE = `
My mom called this morning and told me that my grandmother is doing much better after the surgery.|We moved into our new apartment two weeks ago, and there are still boxes everywhere.
Our daughter started school in September, and she already has a lot of new friends.|My brother and his wife are expecting their first child in the spring.
I finally passed my driving test! It took me three attempts, but I made it.|Yesterday I went for a run along the river, and the sunset was absolutely gorgeous.
The kids were so excited when they saw the snow that they ran outside without their jackets.|We adopted a little puppy from the shelter, and he loves to chew on my shoes.
I've signed up for a pottery class, because I wanted to try something creative for a change.|She gave me the recipe for her famous chocolate cake, and it turned out perfect.
Work has been pretty stressful lately, so I'm trying to get more sleep and drink less coffee.|My boss offered me a promotion, but I would have to move to another city.
I'm taking some time off next month to visit an old friend who lives in Canada.|He's been through a lot this year, but he never gives up.
We volunteered at the food bank on Saturday and met some wonderful people there.|I joined a support group, and talking to others has really helped me.
Last summer we went camping in the mountains, and we could see thousands of stars at night.|It was raining all weekend, so we stayed inside, played board games and baked cookies.
I've been feeling a bit down since the accident, but my friends keep cheering me up.|The doctor said that I should eat more vegetables and exercise at least three times a week.
I bought a used car from a neighbor, and so far it runs without any problems.|They opened a new coffee shop around the corner, and their pancakes are incredible.
My favorite part of the trip was walking through the old town and trying the local dishes.|We got lost on the way to the museum, but then a nice lady showed us the way.
I have to give a presentation in front of the whole company tomorrow, wish me luck!|After college I worked as a teacher for five years before I started my own business.
It's hard to find the right balance between work and family.|I'm saving money for a house, so I cook at home most of the time.
We celebrated our tenth anniversary with a small dinner by the lake.|He surprised me with tickets for a concert of my favorite band!
The garden looks great this year: we already have tomatoes, strawberries and lots of flowers.|I've read about half of the book, and I can't put it down.
Our team lost the final by one point, but we're looking forward to the next season.|I've been playing basketball since high school, it keeps me healthy and motivated.
This painting was inspired by the colors of autumn, red, orange and yellow.|I took a photography course online and now I take my camera everywhere.
Being a parent is not always easy, but seeing them smile makes up for everything.|They've been asking for a cat for months, so we might get one for Christmas.
I had an interview last Friday, and they said they would call me back by the end of the week.|Turns out that the job was already taken, but I'm not going to let that stop me.
You've always been there for me, and I'm grateful for your friendship.|Do you remember the day when we first met? It feels like it was yesterday.
I think everyone deserves to be treated with respect, no matter where they come from.|We raised over two thousand dollars for charity, which was more than we expected.
My phone died in the middle of the call, sorry about that!|I'd rather stay at home tonight and watch a series with a cup of tea.
Wait, really? Tell me everything!|Oh no, what happened? Is everyone okay?|Haha, that's hilarious! You should have seen my face.|Absolutely! I couldn't agree more.|Awesome, I'll check it out.
That's a great question. For me, it was a mix of curiosity and hard work.|Not yet, but it's on my list of things to do.|I guess you're right, I hadn't thought about it like that.
Yes, it was quite a challenge, but also a lot of fun.|No worries, take your time.|Thanks for asking, I'm doing well!|How about you? Any exciting news?|What's new with you?
`;

const THINGS = `
Regular exercise improves your mood, strengthens your heart and helps you sleep better at night.|Water boils at 100 degrees at sea level, but at a lower temperature in the mountains.
The company was founded in 1998 and is based in California; it has offices in more than thirty countries.|Photosynthesis is the process by which plants use sunlight to make sugar from water and carbon dioxide.
The first step is to understand the requirements, then to design a solution, and finally to test it.|A budget shows how much money comes in, where it goes, and how much is left at the end of the month.
The meeting has been moved to Tuesday at 3 pm. Please confirm that you can attend.|Your order has been shipped and should arrive within five to seven business days.
I understand your frustration, and I apologize for the inconvenience. Let me look into this for you.|Could you please provide your account number and the email address that you used?
The contract can be cancelled at any time with a notice period of thirty days.|Interest rates have increased over the past year, which makes it more expensive to borrow money.
The server responds with status 404 when the page does not exist.|Use a dictionary instead of a list when you need to look up values by their keys.
The database stores each record with a unique identifier, so that you can find it again.|Make a backup before you update the software, in case something goes wrong.
The algorithm sorts the array in place and runs in linear time in the best case.|Each user can have several roles, and each role has a set of permissions.
In the second chapter, the main character discovers a secret that changes the way she sees her family.|The author uses simple language, but the ideas behind the story are quite complex.
Climate change affects agriculture, health and the economy in many parts of the world.|During the war, many families had to leave their homes and start again somewhere else.
Preheat the oven to 180 degrees, mix the flour with the butter and the sugar, and bake it for about forty minutes.|Vegetables such as carrots, onions and potatoes can be roasted together with olive oil, salt and pepper.
The train leaves from platform four every half hour and takes about ninety minutes.|The best time to visit is between April and June, when it is warm but not too crowded.
On the one hand, working from home saves time; on the other hand, it can be difficult to stay in touch with colleagues.|Students learn better when they are interested in the subject and when they get regular feedback.
You are an experienced assistant. Answer briefly, and say so if you do not know something.|Please note that this is general information and not legal or medical advice.
Therefore, the total cost is the sum of the fixed costs and the variable costs.|However, there are some exceptions to this rule, especially for smaller projects.
In general, it is a good idea to keep functions short and to give variables clear names.|As a result, the number of customers has grown by 25 percent since last year.
Additionally, you may want to consider the following factors: price, quality, availability and support.|Overall, the project was a success, although it took longer than we had planned.
`;

const piecesOf = (text: string): string[] =>
  text
    .trim()
    .split(/[\n|]/)
    .map((piece) => piece.replaceAll('\\n', '\n'));

export const TEXTS = {
  talk: [...piecesOf(TALK), ...piecesOf(LIFE)],
  questions: piecesOf(QUESTIONS),
  answers: [...piecesOf(ANSWERS), ...piecesOf(THINGS)],
  others: piecesOf(OTHERS),
};
