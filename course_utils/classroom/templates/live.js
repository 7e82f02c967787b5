const board=document.getElementById('board'),lost=document.getElementById('lost');
let names=0,version='',zoom=1,waiting=null;
const opened=new Map();
board.addEventListener('toggle',event=>{opened.set(event.target.dataset.key,event.target.open)},true);
function put(text){
  const part=new DOMParser().parseFromString(text,'text/html').body;
  for(const details of part.querySelectorAll('details'))
    if(opened.has(details.dataset.key))details.open=opened.get(details.dataset.key);
  board.replaceChildren(...part.childNodes);
}
async function follow(){
  for(;;){
    waiting=new AbortController();
    try{
      const answer=await fetch(`board?after=${version}&names=${names}`,{signal:waiting.signal});
      if(!answer.ok)throw new Error(answer.status);
      put(await answer.text());
      version=answer.headers.get('X-Version');
      lost.textContent='';
    }catch(error){
      if(error.name==='AbortError')continue;
      lost.textContent='The report has stopped.';
      await new Promise(done=>setTimeout(done,1000));
      version='';
    }
  }
}
addEventListener('keydown',event=>{
  if(event.ctrlKey||event.altKey||event.metaKey)return;
  const root=document.documentElement;
  if(event.key==='n'){names=1-names;version='';waiting.abort();}
  if(event.key==='d'){
    const dark=root.classList.contains('dark')||(!root.classList.contains('light')&&matchMedia('(prefers-color-scheme:dark)').matches);
    root.classList.toggle('dark',!dark);root.classList.toggle('light',dark);
  }
  if(event.key==='+'||event.key==='-'){
    zoom=Math.min(2,Math.max(.6,zoom*(event.key==='+'?1.1:1/1.1)));root.style.setProperty('--zoom',zoom);
  }
});
follow();
